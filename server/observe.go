package server

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"strings"
)

// newLogger writes structured lines, in the format "text" or "json". Its own
// redaction is the second line of defence: nobody should hand it a secret, and
// what comes under the name of one is replaced all the same.
func newLogger(w io.Writer, level slog.Leveler, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: redact}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// level is the level of a name that the configuration has checked.
func level(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(name)); err != nil {
		return slog.LevelInfo
	}
	return l
}

const redacted = "[redacted]"

// secretWords are what attributes are called that hold secrets, in lower case
// and without punctuation. A key that contains one is redacted.
var secretWords = []string{
	"secret", "password", "passwd", "token", "authorization", "cookie", "appkey", "apikey",
	"credential", "pepper", "privatekey", "sessioninfo", "query",
}

// redact replaces the values of attributes that are named like a secret, in
// groups as well.
func redact(groups []string, a slog.Attr) slog.Attr {
	if isSecret(a.Key) {
		return slog.String(a.Key, redacted)
	}
	for _, g := range groups {
		if isSecret(g) {
			return slog.String(a.Key, redacted)
		}
	}
	return a
}

func isSecret(key string) bool {
	key = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(key))
	for _, w := range secretWords {
		if strings.Contains(key, w) {
			return true
		}
	}
	return false
}

// libraries takes what is written to the standard logger. net/http quotes there what
// an API sends unasked, which is none of the log's business.
type libraries struct{ log *slog.Logger }

// maxRemark bounds a line of a library, in bytes.
const maxRemark = 200

// Write implements io.Writer.
func (l libraries) Write(b []byte) (int, error) {
	text, _, _ := strings.Cut(string(b[:min(len(b), maxRemark)]), `"`)
	l.log.Debug("a library remarks", "cause", strings.TrimSpace(text))
	return len(b), nil
}

// serverErrors takes what net/http itself has to say. A panic in a handler is an
// error; handshakes that fail and clients that hang up are their own business,
// and anybody can make any number of them.
func serverErrors(l *slog.Logger) *log.Logger {
	return log.New(netHTTP{l}, "", 0)
}

type netHTTP struct{ log *slog.Logger }

func (n netHTTP) Write(b []byte) (int, error) {
	level := slog.LevelDebug
	if bytes.Contains(b, []byte("panic")) {
		level = slog.LevelError
	}
	n.log.Log(context.Background(), level, "http server", "cause", strings.TrimSpace(string(b)))
	return len(b), nil
}
