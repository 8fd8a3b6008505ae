package server

import (
	"io"
	"net/http"
)

// healthy answers /-/healthy: the process is up and can answer. It asks nobody,
// because what restarts the process on a "no" mends no store.
func healthy(w http.ResponseWriter, r *http.Request) {
	status(w, r, http.StatusOK, "ok\n")
}

// ready answers /-/ready: calls and logins will be answered. They are not while
// the store is away, the feed is behind, or the server is stopping.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	switch err := s.service.Healthy(r.Context()); {
	case s.stopping.Load():
		status(w, r, http.StatusServiceUnavailable, "stopping\n")
	case err != nil:
		s.log.Debug("not ready", "cause", err)
		status(w, r, http.StatusServiceUnavailable, "not ready\n")
	default:
		status(w, r, http.StatusOK, "ready\n")
	}
}

func status(w http.ResponseWriter, r *http.Request, code int, text string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		code, text = http.StatusMethodNotAllowed, "ask with GET\n"
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}
