package gate

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/internal/origin"
)

// Bounds of the feed's followers.
const (
	maxFollowers = 1024
	maxOfOne     = maxFollowers / 4 // with one key: the processes of a large API share one, and leave places to others
	feedWrite    = 5 * time.Second  // for one write to a follower; one that does not take it in time is cut off
	feedRecheck  = 5 * time.Second  // how often a follower's credentials are looked at again
	feedPage     = 1000             // notices in one write
)

// FeedOptions is what a feed works with. All fields are required.
type FeedOptions struct {
	Service *auth.Service
	Origin  *origin.Resolver
	Logger  *slog.Logger
}

// Feed answers GET /-/feed: the stream of what ended, for processes that keep
// verdicts of ours, as server-sent events (HTML, section 9.2). The caller is a
// verifier and says so with Basic.
//
//	event: ended   something must not be believed any more. Data: {"session":N}, {"principal":N},
//	               {"account":N} (all below it, too), {"all":true}; {} is of no concern. The id is the
//	               position, and Last-Event-ID resumes behind it.
//	event: alive   what ended before {"at":microseconds} of the server's clock has been said, {"seq":N} being
//	               the last of it. It comes five times a second, and only while this node knows what
//	               the others end.
//	event: reset   what was said before does not connect to what follows: forget everything. It comes first
//	               where no position was given, or one that is gone or of another history of the database.
//
// at is measured by the monotonic clock, whatever somebody sets the machine's to,
// and the first one is of after the request came. So whoever asked at t0 of its own
// clock and was first told s0 knows at s that all that ended before t0+(s-s0) has
// been said: however late s arrived, and however the two clocks differ.
//
// A follower learns numbers of sessions and accounts of every customer, and
// nothing else of them.
type Feed struct {
	o       FeedOptions
	mount   *auth.Mount
	base    time.Time // at is counted from here
	open    atomic.Int64
	places  places
	write   time.Duration
	recheck time.Duration
	stopped chan struct{}
	stop    func()
}

// NewFeed makes a feed without followers.
func NewFeed(o FeedOptions) *Feed {
	stopped := make(chan struct{})
	return &Feed{o: o, mount: feedMount, base: o.Service.Now(), write: feedWrite, recheck: feedRecheck,
		stopped: stopped, stop: sync.OnceFunc(func() { close(stopped) })}
}

// feedMount is what guesses at the feed count under. Names do not lock: an API
// key is no guess, and a stranger must not cut off an API by its verifier's name.
var feedMount = &auth.Mount{Name: "feed", Dialect: "feed",
	Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute}}

// Stop ends all streams and refuses new ones: a server that stops would wait for
// them.
func (f *Feed) Stop() { f.stop() }

var (
	errFollowers = errors.New("too many processes follow the feed")
	errOfOne     = errors.New("too many processes follow the feed with this key")
	errStopping  = errors.New("the server is stopping")
)

// ServeHTTP streams until the follower goes, is cut off, or the feed stops.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		plain(w, http.StatusMethodNotAllowed, "ask with GET")
		return
	}
	peer := f.o.Origin.Of(r)
	if !peer.Secure {
		plain(w, http.StatusForbidden, "the feed is served over https only")
		return
	}
	since := f.o.Service.Now()
	attempt := attemptOf(r, f.mount, auth.Origin{Source: peer.Source, Request: f.o.Origin.NewID()})
	caller, err := f.admit(r.Context(), attempt)
	if err != nil {
		refuseFollower(w, err)
		return
	}
	one := caller.Principal
	if !f.places.take(one) {
		f.o.Logger.Warn("a follower of the feed was refused", "cause", errOfOne, "key", caller.Subject, "account", caller.AccountRef)
		refuseFollower(w, auth.Refuse(auth.Busy, errOfOne))
		return
	}
	defer f.places.leave(one)
	if f.open.Add(1) > maxFollowers {
		f.open.Add(-1)
		f.o.Logger.Warn("a follower of the feed was refused", "cause", errFollowers)
		refuseFollower(w, auth.Refuse(auth.Busy, errFollowers))
		return
	}
	defer f.open.Add(-1)
	defer f.o.Service.Listen()()
	err = f.follow(w, r, attempt, since)
	f.o.Logger.Debug("a follower of the feed went", "request", attempt.Origin.Request, "cause", err)
}

// admit lets a verifier in.
func (f *Feed) admit(ctx context.Context, a *auth.Attempt) (*auth.Caller, error) {
	select {
	case <-f.stopped:
		return nil, auth.Refuse(auth.Busy, errStopping)
	default:
	}
	if a == nil {
		return nil, auth.Refuse(auth.NoToken, nil)
	}
	return f.o.Service.Authenticate(ctx, a, auth.Verifier)
}

func refuseFollower(w http.ResponseWriter, err error) {
	switch refusal := auth.RefusalOf(err); refusal.Reason {
	case auth.Unavailable, auth.Busy:
		w.Header().Set("Retry-After", "1")
		plain(w, http.StatusServiceUnavailable, "the feed cannot be followed right now")
	case auth.Locked, auth.Throttled:
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(refusal.RetryAfter/time.Second))))
		plain(w, http.StatusTooManyRequests, "too many failures")
	case auth.NoToken, auth.BadCredentials, auth.Inactive, auth.UnknownApp, auth.MissingApp, auth.Malformed,
		auth.UnknownToken, auth.TwoTokens, auth.WrongAccount, auth.Insecure:
		w.Header().Set("WWW-Authenticate", `Basic realm="sallyport", charset="UTF-8"`)
		plain(w, http.StatusUnauthorized, "the feed is for verifiers: send the name and the key of one with Basic")
	}
}

// follow says what ended since the follower was last here, and goes on so.
func (f *Feed) follow(w http.ResponseWriter, r *http.Request, a *auth.Attempt, since time.Time) error {
	stream := &stream{w: w, control: http.NewResponseController(w), patience: f.write}
	progress, _ := f.o.Service.Progress()
	epoch := progress.Epoch // of before it is looked where the follower is: what comes later is said
	at, err := f.begin(r, stream)
	if err != nil {
		return err
	}
	recheck := time.NewTicker(f.recheck)
	defer recheck.Stop()
	for {
		progress, news := f.o.Service.Progress()
		if progress.Epoch != epoch {
			return errPosition // the follower comes back and is told to forget
		}
		for at.Seq < progress.Seq {
			notices, err := f.o.Service.Feed(r.Context(), at, feedPage)
			if err != nil || len(notices) == 0 {
				return errors.Join(errPosition, err)
			}
			stream.ended(notices)
			at = notices[len(notices)-1].Position()
			if err := stream.send(); err != nil {
				return err
			}
		}
		if !progress.At.Before(since) {
			stream.alive(f.base.UnixMicro()+progress.At.Sub(f.base).Microseconds(), at.Seq)
			since = progress.At.Add(1)
			if err := stream.send(); err != nil {
				return err
			}
		}
		select {
		case <-news:
		case <-r.Context().Done():
			return r.Context().Err()
		case <-f.stopped:
			return errStopping
		case <-recheck.C:
			if err := f.again(r.Context(), a); err != nil {
				return err
			}
		}
	}
}

var errPosition = errors.New("the follower's position is gone")

// again looks at a follower's credentials again. A store that does not answer is
// no reason to go: nothing is said without it.
func (f *Feed) again(ctx context.Context, a *auth.Attempt) error {
	_, err := f.admit(ctx, a)
	if reason := auth.RefusalOf(err).Reason; err != nil && (reason == auth.Unavailable || reason == auth.Busy) {
		return nil
	}
	return err
}

// begin finds where the follower left off, or has it start afresh.
func (f *Feed) begin(r *http.Request, stream *stream) (auth.Position, error) {
	if said, ok := parseEventID(r.Header.Get("Last-Event-ID")); ok {
		_, err := f.o.Service.Feed(r.Context(), said, 1)
		switch {
		case err == nil:
			stream.begin()
			return said, stream.send()
		case !errors.Is(err, auth.ErrNotFound):
			refuseFollower(stream.w, auth.Refuse(auth.Unavailable, err))
			return said, err
		}
	}
	if err := f.settled(r.Context()); err != nil {
		return auth.Position{}, err
	}
	progress, _ := f.o.Service.Progress()
	stream.begin()
	stream.reset(progress.Position)
	return progress.Position, stream.send()
}

// settled waits, after this node had to start afresh, until the others must have
// noticed too: a follower who forgets everything before may be told by one of them
// what was lost, and believe it.
func (f *Feed) settled(ctx context.Context) error {
	progress, _ := f.o.Service.Progress()
	wait := progress.Settled.Sub(f.o.Service.Now())
	if progress.Settled.IsZero() || wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.stopped:
		return errStopping
	}
}
