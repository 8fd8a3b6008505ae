package client

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// handlerTransport carries requests to a handler in this process. What the handler
// writes is read as it is written.
type handlerTransport struct{ h http.Handler }

// RoundTrip runs the handler until its header is there, and on behind the body.
func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	served.RequestURI = r.URL.RequestURI()
	from, to := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: to, begun: make(chan struct{})}
	go func() {
		defer func() {
			p := recover()
			w.WriteHeader(http.StatusOK)
			if p != nil {
				_ = to.CloseWithError(errBroken)
				return
			}
			_ = to.Close()
		}()
		t.h.ServeHTTP(w, served)
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		_ = from.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	return &http.Response{Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: from, ContentLength: -1, Request: r}, nil
}

var errBroken = errors.New("the answer broke off")

// pipeWriter is the handler's side.
type pipeWriter struct {
	header http.Header
	body   *io.PipeWriter
	once   sync.Once
	begun  chan struct{} // closed when status and sent are there
	status int
	sent   http.Header
}

// Header implements http.ResponseWriter.
func (w *pipeWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

// Write implements http.ResponseWriter.
func (w *pipeWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}
