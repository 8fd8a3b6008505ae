package gate

import (
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/internal/origin"
	"github.com/sallyport/sallyport/internal/pending"
)

// Options is what a gate works with. The first four fields are required.
type Options struct {
	Service *auth.Service
	Router  *dialect.Router  // knows which mounts cover a call
	Origin  *origin.Resolver // knows which proxies are trusted
	Logger  *slog.Logger

	Assertions Assertions

	Pending *pending.Bodies // bounds the calls whose body is searched; nil: nothing does

	// Verdict hears what became of each call, for its trace: refused for a reason, or
	// allowed on a session of a dialect. nil: nobody does.
	Verdict func(ctx context.Context, face auth.Face, dialect string, reason auth.Reason)
}

// Gate checks calls. It is safe for concurrent use and keeps nothing between
// them but what it signed.
type Gate struct {
	o          Options
	assertions *assertions
	routes     *routeTable // nil: there are none
}

// New makes a gate.
func New(o Options) *Gate { return &Gate{o: o, assertions: newAssertions(&o)} }

// refuse answers a call that may not go on: in the dialect's words, or, where
// there is no dialect to speak for, in the gate's own.
func (g *Gate) refuse(w http.ResponseWriter, call *http.Request, d *decision) {
	reason := outcome(d)
	level := slog.LevelDebug
	if reason == auth.Unavailable {
		level = slog.LevelError
	}
	// Not the path: some APIs have their tokens in it.
	if ctx := call.Context(); g.o.Logger.Enabled(ctx, level) {
		g.o.Logger.Log(ctx, level, "call refused", "request", g.o.Origin.NewID(),
			"host", call.Host, "reason", string(reason), "cause", d.err)
	}
	w.Header()["Cache-Control"] = noStore
	if d.dialect != nil {
		d.dialect.Refuse(w, call, d.err)
		return
	}
	plain(w, http.StatusForbidden, d.err.Error())
}

// noStore is shared by all answers and never changed.
var noStore = []string{"no-store"}

// plain answers in the gate's own words, which hold nothing of the request.
func plain(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "sallyport: "+text+"\n")
}
