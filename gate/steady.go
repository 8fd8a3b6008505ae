package gate

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// steady replaces the server's time-outs, which are for a request and an answer
// that are small, by one that bounds silence: a call that is forwarded may last
// as long as the client sends and takes something now and then. Waiting for the
// API is bounded by the route, not here.
type steady struct {
	http.ResponseWriter
	ctl  *http.ResponseController
	idle time.Duration
	h2   bool // a deadline that passes resets the stream, even while nobody writes

	mu   sync.Mutex
	over bool // the connection is the server's again
	body body
}

func newSteady(w http.ResponseWriter, r *http.Request, idle time.Duration) *steady {
	s := &steady{ResponseWriter: w, ctl: http.NewResponseController(w), idle: idle, h2: r.ProtoMajor > 1}
	// A writer that has no deadlines, as in some tests, needs none lifted.
	_ = s.ctl.SetReadDeadline(time.Time{})
	_ = s.ctl.SetWriteDeadline(time.Time{})
	if r.Body != nil && r.Body != http.NoBody {
		s.body = body{ReadCloser: r.Body, steady: s}
		r.Body = &s.body
	}
	return s
}

// WriteHeader implements http.ResponseWriter. What an API says before its answer
// (RFC 9110, 15.2) is seen here alone. That the client may go on (15.2.1) it is told
// by the server itself, when the API's word has the transport read the body: passed
// on as well, it would be told twice.
func (s *steady) WriteHeader(status int) {
	if status == http.StatusContinue {
		return
	}
	if status < http.StatusOK {
		withoutIdentity(s.Header())
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *steady) Write(b []byte) (int, error) {
	s.beforeWrite()
	defer s.afterWrite()
	return s.ResponseWriter.Write(b)
}

// FlushError is for http.ResponseController.
func (s *steady) FlushError() error {
	s.beforeWrite()
	defer s.afterWrite()
	return s.ctl.Flush()
}

// Unwrap is for http.ResponseController.
func (s *steady) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *steady) beforeWrite() { _ = s.ctl.SetWriteDeadline(auth.SystemClock().Add(s.idle)) }

func (s *steady) afterWrite() {
	if s.h2 {
		_ = s.ctl.SetWriteDeadline(time.Time{})
	}
}

// setRead sets the deadline for reading, unless the call is over: a transport may
// still read the body then, while the server waits for the next request.
func (s *steady) setRead(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		_ = s.ctl.SetReadDeadline(t)
	}
}

// finish hands the connection back. The server still has to send what is in its
// buffers and to read what is left of a body that nobody wanted, and must wait for
// neither forever.
func (s *steady) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.beforeWrite()
	if s.body.ReadCloser != nil {
		_ = s.ctl.SetReadDeadline(auth.SystemClock().Add(s.idle))
	}
}

// body is that of a request, each piece of which has to come within the idle time.
type body struct {
	io.ReadCloser
	steady *steady
}

// bodyError is that the client did not send its body as it should. To a
// transport all errors look alike.
type bodyError struct{ error }

// Unwrap is the cause.
func (e *bodyError) Unwrap() error { return e.error }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.steady.setRead(auth.SystemClock().Add(b.steady.idle))
	n, err := b.ReadCloser.Read(p)
	// Until the next read it is the API that takes its time, and over HTTP/2 a
	// deadline that passes meanwhile ends the body.
	b.steady.setRead(time.Time{})
	if err != nil && !errors.Is(err, io.EOF) {
		err = &bodyError{err}
	}
	return n, err
}
