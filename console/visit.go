package console

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// visit is one request.
type visit struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	peer    Peer
	by      *auth.Caller // nil: nobody is signed in
	session auth.SessionID
	token   string // of the session
	status  int    // that was answered; 0: none yet
}

// endpoint answers one route.
type endpoint struct {
	*Console
	route
}

// ServeHTTP lets in who may be let in, runs the page and logs it once.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := e.service.Now()
	v := &visit{Console: e.Console, w: w, r: r, peer: e.o.Origin(r)}
	err := v.serve(&e.route)
	if err != nil && v.status == 0 {
		v.fail(err)
	}
	level, actor := slog.LevelInfo, ""
	if v.by != nil {
		actor = admin.Actor(v.by)
	}
	attrs := make([]slog.Attr, 0, 8)
	if err != nil {
		attrs = append(attrs, slog.String("cause", err.Error()))
		if v.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
	}
	attrs = append(attrs, slog.String("page", e.pattern), slog.Int("status", v.status), slog.String("actor", actor),
		slog.Duration("duration", e.service.Now().Sub(began)), slog.String("source", v.peer.Source.String()), slog.String("request", v.peer.Request))
	e.log.LogAttrs(r.Context(), level, "console", attrs...)
	if errors.Is(err, errBroken) { // a stream that broke off must not look whole
		panic(http.ErrAbortHandler)
	}
}

// Errors of the console itself.
var (
	errInsecure = errors.New("the way here is not secure: use https, or ask from this machine")
	errForeign  = errors.New("the form was not sent from a page of this console, or its session is over: go back, load the page again and repeat it")
	errNowhere  = errors.New("there is no such page")
	errUnread   = errors.New("the form could not be read")
	errBroken   = errors.New("broken off")
)

// serve is the order in which a request is looked at.
func (v *visit) serve(rt *route) error {
	if !v.peer.Secure {
		return errInsecure
	}
	writes := v.r.Method == http.MethodPost
	if writes {
		if err := v.cross.Check(v.r); err != nil {
			return errForeign
		}
		if err := v.r.ParseForm(); err != nil {
			return errUnread
		}
	}
	if err := v.identify(); err != nil {
		return err
	}
	switch {
	case rt.open:
	case v.by == nil:
		return v.toSignIn()
	case v.lacksFactor() && !rt.factorless:
		return v.see(factorPath)
	}
	if writes && !rt.tokenless && !v.tokenFits() {
		return errForeign
	}
	if rt.op != nil && !admin.May(v.by, rt.op) {
		return v.admin.Refuse(v.r.Context(), rt.op, v.by, v.peer.Origin)
	}
	return rt.run(v)
}

// nowhere answers what is no page. Which there are is no secret.
func (v *visit) nowhere() error { return errNowhere }

// ask runs an operation as whoever is signed in.
func ask[In, Out any](v *visit, f func(*admin.Admin, context.Context, *auth.Caller, auth.Origin, In) (Out, error), in In) (Out, error) {
	return f(v.admin, v.r.Context(), v.by, v.peer.Origin, in)
}

// see sends the browser on, after what it asked for was done.
func (v *visit) see(path string) error {
	v.w.Header().Set("Location", path)
	v.status = http.StatusSeeOther
	v.w.WriteHeader(v.status)
	return nil
}

// fail shows what went wrong.
func (v *visit) fail(err error) {
	p := problem(err)
	p.Instance = v.peer.Request
	if p.Status == http.StatusTooManyRequests || p.Status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "1")
	}
	v.show(p.Status, "problem", p.Title, p)
}

// problem is an error for people.
func problem(err error) api.Problem {
	own := func(status int, title string) api.Problem {
		return api.Problem{Status: status, Title: title, Detail: err.Error()}
	}
	switch {
	case errors.Is(err, errInsecure):
		return own(http.StatusForbidden, "Not over plain HTTP")
	case errors.Is(err, errForeign):
		return own(http.StatusForbidden, "Nothing was changed")
	case errors.Is(err, errNowhere):
		return own(http.StatusNotFound, "No such page")
	case errors.Is(err, errUnread):
		return own(http.StatusBadRequest, "Not understood")
	}
	return admin.ProblemOf(err)
}

// id is the number in the path.
func (v *visit) id() (int64, error) {
	n, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil || n <= 0 {
		return 0, errNowhere
	}
	return n, nil
}

// number is a number of the query or form; 0 if it is not there.
func (v *visit) number(name string) (int64, error) {
	text := v.r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, &admin.InvalidField{Field: name, Why: "is not a number"}
	}
	return n, nil
}
