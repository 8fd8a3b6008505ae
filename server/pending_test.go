package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Logins whose body does not come take no more than a client's share.
func TestLoginsThatWaitAreBounded(t *testing.T) {
	s, _ := start(t, configured(t.TempDir()))
	asked, end := make(chan struct{}), make(chan struct{})
	login := func(from string, body io.Reader) int {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "https://api.example/token/", body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = from + ":1"
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w.Code
	}
	const share = 256
	done := make(chan int, share)
	for range share {
		go func() { done <- login("203.0.113.9", io.MultiReader(hung{asked, end}, strings.NewReader("x"))) }()
		<-asked
	}
	if status := login("203.0.113.9", strings.NewReader("x")); status != http.StatusServiceUnavailable {
		t.Errorf("one too many is answered %d", status)
	}
	if status := login("203.0.113.8", strings.NewReader("x")); status != http.StatusOK {
		t.Errorf("another client is answered %d", status)
	}
	close(end)
	for range share {
		<-done
	}
	if status := login("203.0.113.9", strings.NewReader("x")); status != http.StatusOK {
		t.Errorf("afterwards a login is answered %d", status)
	}
}

// hung is the begin of a body that does not come.
type hung struct{ asked, end chan struct{} }

func (h hung) Read([]byte) (int, error) {
	h.asked <- struct{}{}
	<-h.end
	return 0, io.EOF
}
