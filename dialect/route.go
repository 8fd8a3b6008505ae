package dialect

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// route is one endpoint of the login family, with all that an endpoint of it
// must not do without.
type route struct {
	router        *Router
	at            *Mounted
	path          string // prefix included
	handle        Handler
	fold          bool
	optionalSlash bool
	subtree       bool
	quiet         bool
	trouble       auth.Trouble // that of a quiet one
	maxBody       int64
	when          func(*http.Request) bool // nil: always
}

// WellKnown puts the mount's prefix behind the path and not before it, as RFC 8414,
// 3.1, has it for what is found by a well-known name.
func WellKnown(r *route) {
	r.path = strings.TrimPrefix(r.path, r.at.Prefix) + r.at.Prefix
}

// Quiet is for an endpoint that is asked as often as calls are made: what it
// answers well is logged at level debug, and that it cannot answer every ten seconds
// at most, with how often.
func Quiet(r *route) { r.quiet = true }

// paths are the spellings of the path, but for case.
func (rt *route) paths() []string {
	if bare := strings.TrimSuffix(rt.path, "/"); rt.optionalSlash && bare != "" {
		return []string{bare, bare + "/"}
	}
	return []string{rt.path}
}

// ServeHTTP serves one request, whatever comes of it, and logs it once.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := rt.router.o.Clock()
	from, secure := rt.router.o.Origin(r)
	rep := &reply{ResponseWriter: w}
	defer rt.log(r, rep, from, began)
	defer rt.rescue(rep, r)

	w.Header().Set("Cache-Control", "no-store") // replies hold tokens (RFC 9111, 5.2.2.5)
	if !secure {
		// Not redirected: what is secret has crossed the wire already, and a
		// client that is helped along will send it that way again.
		rt.at.Dialect.Refuse(rep, r, auth.Refuse(auth.Insecure, nil))
		return
	}
	// The server's own writer, so that it closes the connection of whoever
	// sends more.
	r.Body = http.MaxBytesReader(w, r.Body, rt.maxBody)
	if rt.at.Mount.FairUse.Answer == auth.AnswerWarn {
		rep.advice = &auth.Advice{}
		from.Advice = rep.advice
	}
	rt.handle(rep, r, from)
}

// rescue turns a panic of a handler into the dialect's own "server trouble". It
// is called deferred.
func (rt *route) rescue(rep *reply, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // the very value is the signal, as in net/http
		panic(p)
	}
	rep.refusal = auth.Refuse(auth.Unavailable, panicError(p))
	rep.stack = debug.Stack()
	if rep.status != 0 {
		panic(http.ErrAbortHandler) // half a reply must not look like a whole one
	}
	h := rep.Header()
	clear(h) // of a cookie, say, that was about to be set
	h.Set("Cache-Control", "no-store")
	rt.at.Dialect.Refuse(rep, r, rep.refusal)
}

// panicError describes a panic without its value, which may be made of what the
// client sent. Errors of the runtime are not.
func panicError(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic with a %T", p)
}

// log writes the request's one line. The path is the endpoint's own, not the
// client's spelling; query, headers and body are never logged.
func (rt *route) log(r *http.Request, rep *reply, from auth.Origin, began time.Time) {
	level, outcome := slog.LevelInfo, rep.outcome()
	if done := rt.router.o.Done; done != nil {
		done(r.Context(), rt.at.Mount, rt.path, outcome)
	}
	if rt.quiet && rep.refusal == nil && rep.status < http.StatusBadRequest {
		level = slog.LevelDebug
		if !rt.router.o.Logger.Enabled(r.Context(), level) {
			return
		}
	}
	attrs := make([]slog.Attr, 0, 12)
	if f := rep.refusal; f != nil {
		if rt.quiet && f.Reason == auth.Unavailable && rep.stack == nil {
			times, tell := rt.trouble.Happened(rt.router.o.Clock())
			if !tell {
				return
			}
			attrs = append(attrs, slog.Int("times", times))
		}
		switch {
		case f.Reason == auth.Unavailable:
			level = slog.LevelError
		case f.Reason == auth.Busy:
			level = slog.LevelWarn
		}
		if f.Cause != nil {
			attrs = append(attrs, slog.String("cause", f.Cause.Error()))
		}
		if rep.stack != nil {
			attrs = append(attrs, slog.String("stack", string(rep.stack)))
		}
	}
	attrs = append(attrs,
		slog.String("outcome", outcome),
		slog.String("method", method(r.Method)),
		slog.String("path", rt.path),
		slog.Int("status", rep.status),
		slog.Duration("duration", rt.router.o.Clock().Sub(began)),
		slog.String("dialect", rt.at.Mount.Dialect),
		slog.String("mount", rt.at.Mount.Name),
		slog.String("source", from.Source.String()),
		slog.String("request", from.Request))
	rt.router.o.Logger.LogAttrs(r.Context(), level, "login request", attrs...)
}

// outcome is what came of the request, in a word.
func (r *reply) outcome() string {
	switch {
	case r.refusal != nil:
		return string(r.refusal.Reason)
	case r.status >= http.StatusBadRequest:
		return "refused"
	}
	return "ok"
}

// method is the method as the log may show it: a client may send any word.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	}
	return "other"
}

// reply remembers of an answer what the log line tells.
type reply struct {
	http.ResponseWriter
	status  int // 0: nothing was written yet
	refusal *auth.Refusal
	stack   []byte
	advice  *auth.Advice // nil: the mount has none to give
}

// advise tells a client that logs in more often than it needs to, in the terms of
// draft-ietf-httpapi-ratelimit-headers: its budget of logins in an hour is used up,
// and how many seconds that lasts.
func (r *reply) advise() {
	if r.advice == nil || r.advice.Until <= 0 {
		return
	}
	h := r.Header()
	h.Set("RateLimit-Policy", `"logins";q=`+strconv.Itoa(r.advice.Budget)+";w=3600")
	h.Set("RateLimit", `"logins";r=0;t=`+RetryAfter(r.advice.Until))
}

// WriteHeader implements http.ResponseWriter.
func (r *reply) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
		r.advise()
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *reply) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
		r.advise()
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }
