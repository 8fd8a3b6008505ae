package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestLogRedactsWhatIsNamedLikeASecret(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		l := newLogger(&out, slog.LevelInfo, format)
		for _, key := range []string{
			"secret", "client_secret", "Password", "token", "etoken", "authToken", "Authorization", "set-cookie", "Cookie",
			"appkey", "AppKey", "app_key", "api-key", "SESSION_INFO", "query", "raw_query", "pepper", "private_key",
		} {
			l.Info("x", key, "hunter2")
			l.Info("x", slog.Group(key, "a", "hunter2"))
			l.With(key, "hunter2").Info("x")
			l.WithGroup(key).Info("x", "a", "hunter2")
			l.WithGroup("request").Info("x", slog.Group(key, slog.Group("b", "c", "hunter2")))
		}
		if strings.Contains(out.String(), "hunter2") {
			t.Errorf("%s: a secret was logged:\n%s", format, out.String())
		}
		out.Reset()
		l.Info("x", "path", "/token/", "source", "192.0.2.1", "reason", "unknown-token")
		for _, want := range []string{"/token/", "192.0.2.1", "unknown-token"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q was redacted: %s", format, want, out.String())
			}
		}
	}
}

func TestServerErrors(t *testing.T) {
	var out bytes.Buffer
	l := serverErrors(newLogger(&out, slog.LevelInfo, "text"))
	l.Printf("http: TLS handshake error from 192.0.2.1:1: EOF")
	if out.Len() > 0 {
		t.Errorf("a client that hung up is in the log: %s", out.String())
	}
	l.Printf("http: panic serving 192.0.2.1:1: boom")
	if !strings.Contains(out.String(), "level=ERROR") {
		t.Errorf("a panic is not: %q", out.String())
	}
}
