package gate

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/internal/pending"
)

// slow is a body that says when somebody waits for it.
type slow struct {
	asked chan struct{}
	end   chan struct{}
}

func (s *slow) Read([]byte) (int, error) {
	s.asked <- struct{}{}
	<-s.end
	return 0, io.EOF
}

func (s *slow) Close() error { return nil }

// Whoever sends the heads of many calls and no bodies does not get more of the
// server than a share, and it back when the calls are over.
func TestProxyBoundsCallsThatWait(t *testing.T) {
	k := newKit(t)
	k.o.Pending = new(pending.Bodies)
	p, err := k.Proxy([]Route{to(t, "http://127.0.0.1:1")})
	must(t, err)
	body := &slow{asked: make(chan struct{}), end: make(chan struct{})}
	call := func(from string, body io.ReadCloser) int {
		r := httptest.NewRequest(http.MethodPost, "https://electa.example/api/x", nil)
		r.Body, r.ContentLength, r.RemoteAddr = body, -1, from
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w.Code
	}
	const share = 256
	done := make(chan int, share)
	for i := range share {
		go func() { done <- call(fmt.Sprintf("203.0.113.9:%d", i+1), body) }()
		<-body.asked
	}
	if status := call("203.0.113.9:1", io.NopCloser(http.NoBody)); status != http.StatusServiceUnavailable {
		t.Errorf("one too many is answered %d", status)
	}
	if status := call("203.0.113.8:1", io.NopCloser(http.NoBody)); status != http.StatusOK { // Electa's refusal
		t.Errorf("another client is answered %d", status)
	}
	close(body.end)
	for range share {
		if status := <-done; status != http.StatusOK {
			t.Fatalf("a call that waited is answered %d", status)
		}
	}
	for range share {
		if !k.o.Pending.Take(netip.MustParseAddr("203.0.113.9")) {
			t.Fatal("places are lost")
		}
	}
}
