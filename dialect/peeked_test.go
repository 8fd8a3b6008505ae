package dialect

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// What is read of calls at once, before anybody knows whose they are, is bounded,
// and a call that has been read counts no more.
func TestPeekBodyIsBoundedForAllCalls(t *testing.T) {
	peek := func(body io.Reader) error {
		_, err := PeekBody(httptest.NewRequest(http.MethodPost, "/", body), 1000)
		return err
	}
	held, send := io.Pipe()
	first := make(chan error)
	go func() { first <- peek(held) }()
	if _, err := send.Write(make([]byte, 600)); err != nil {
		t.Fatal(err)
	}
	for peeking.Load() != 600 {
		runtime.Gosched()
	}
	peeking.Add(maxPeeked - 1000)
	defer peeking.Add(1000 - maxPeeked)
	if err := peek(bytes.NewReader(make([]byte, 401))); auth.RefusalOf(err).Reason != auth.Busy || !errors.Is(err, ErrPeeked) {
		t.Errorf("beyond the bound: %v", err)
	}
	for range 3 {
		if err := peek(bytes.NewReader(make([]byte, 400))); err != nil {
			t.Errorf("within the bound: %v", err)
		}
	}
	_ = send.Close()
	if err := <-first; err != nil {
		t.Error(err)
	}
	if err := peek(bytes.NewReader(make([]byte, 1000))); err != nil {
		t.Errorf("after the other: %v", err)
	}
}
