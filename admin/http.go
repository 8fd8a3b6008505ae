package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// HandlerOptions say who may ask, and how it is told. Origin is required.
type HandlerOptions struct {
	// Origin says where a request came from, and whether over a secure channel: TLS,
	// or from this machine.
	Origin func(*http.Request) (from auth.Origin, secure bool)

	// Console is the mount of the console's sessions: then its tokens are taken too,
	// as a Bearer token and in the cookie CookieName. nil: they are not.
	Console *auth.Mount

	// FactorRequired refuses the sessions of administrators without a second factor:
	// they are good for enrolling one, in the console, and for nothing else.
	FactorRequired bool

	// As is whoever asks, for a handler that only this process reaches. nil:
	// everybody has to say who they are.
	As *auth.Caller
}

// Handler is the HTTP API, at [api.Prefix]. It is made of the table of operations, and
// so is the document that describes it, at openapi.json below the prefix, which
// everybody may read.
func (a *Admin) Handler(o HandlerOptions) http.Handler {
	h := &handler{Admin: a, o: o, mux: http.NewServeMux()}
	document := Document()
	h.mux.HandleFunc("GET "+api.Prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	})
	for _, rt := range routes() {
		h.mux.Handle(rt.op.Method+" "+rt.op.Path, &endpoint{h, rt})
	}
	return h
}

type handler struct {
	*Admin
	o   HandlerOptions
	mux *http.ServeMux
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	if _, pattern := h.mux.Handler(r); pattern != "" {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		h.mux.ServeHTTP(w, r)
		return
	}
	var allow []string
	for _, m := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		other := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := h.mux.Handler(other); pattern != "" {
			allow = append(allow, m)
		}
	}
	err := errNoRoute
	if len(allow) > 0 {
		head.Set("Allow", strings.Join(allow, ", "))
		err = errNoMethod
	}
	writeProblem(w, problemOf(err))
}

// endpoint answers one operation.
type endpoint struct {
	*handler
	route
}

// ServeHTTP finds out who asks, runs the operation, and logs it once.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := e.service.Now()
	from, secure := e.o.Origin(r)
	var by *auth.Caller
	status, err := e.answer(w, r, from, secure, &by)
	if err != nil {
		p := problemOf(err)
		p.Instance = from.Request
		e.head(w, r, err, p.Status)
		if status == 0 {
			status = p.Status
			writeProblem(w, p)
		}
	}
	e.logLine(r, from, by, status, err, began)
	if err != nil && status == http.StatusOK { // a stream that broke off must not look whole
		panic(http.ErrAbortHandler)
	}
}

// head sets what goes with some problems.
func (e *endpoint) head(w http.ResponseWriter, r *http.Request, err error, status int) {
	var refusal *auth.Refusal
	switch {
	case status == http.StatusUnauthorized && viaSession(r):
		w.Header().Set("WWW-Authenticate", `Bearer realm="sallyport"`)
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="sallyport", charset="UTF-8"`)
	case errors.As(err, &refusal) && refusal.RetryAfter > 0:
		seconds := int64((refusal.RetryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	}
}

// answer returns the status that it answered with, 0 if nothing was written.
func (e *endpoint) answer(w http.ResponseWriter, r *http.Request, from auth.Origin, secure bool, by **auth.Caller) (status int, err error) {
	if !secure {
		return 0, errInsecure
	}
	if *by, err = e.who(r, from); err != nil {
		return 0, err
	}
	read := func(into any) error { return decode(r, into) }
	if e.stream != nil {
		out := &lines{w: w, control: http.NewResponseController(w), now: e.service.Now}
		err = e.stream(e.Admin, r.Context(), *by, from, read, out)
		if err == nil {
			out.begin()
		}
		return out.status, err
	}
	out, err := e.run(e.Admin, r.Context(), *by, from, read)
	if err != nil {
		return 0, err
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // it is JSON and says so
	if err := enc.Encode(out); err != nil {
		return 0, err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.op.Status())
	_, _ = w.Write(body.Bytes())
	return e.op.Status(), nil
}

// lines is where a stream is written. The time that a client may take is for each
// part, not for the whole.
type lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	now     auth.Clock
	status  int
}

// partTime is how long a client may take for a part of a stream.
const partTime = time.Minute

func (l *lines) begin() {
	if l.status == 0 {
		l.status = http.StatusOK
		l.w.Header().Set("Content-Type", "application/jsonl")
		l.w.WriteHeader(l.status)
	}
}

// Write sends a part.
func (l *lines) Write(b []byte) (int, error) {
	l.begin()
	if err := l.control.SetWriteDeadline(l.now().Add(partTime)); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return 0, err
	}
	n, err := l.w.Write(b)
	if err == nil {
		if err = l.control.Flush(); errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	return n, err
}

// logLine writes the request's one line.
func (e *endpoint) logLine(r *http.Request, from auth.Origin, by *auth.Caller, status int, err error, began time.Time) {
	level, actor := slog.LevelInfo, ""
	if by != nil {
		actor = Actor(by)
	}
	attrs := make([]slog.Attr, 0, 8)
	if err != nil {
		attrs = append(attrs, slog.String("cause", err.Error()))
		if status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	attrs = append(attrs, slog.String("operation", e.op.Name), slog.Int("status", status), slog.String("actor", actor),
		slog.Duration("duration", e.service.Now().Sub(began)), slog.String("source", from.Source.String()), slog.String("request", from.Request))
	e.log.LogAttrs(r.Context(), level, "admin request", attrs...)
}
