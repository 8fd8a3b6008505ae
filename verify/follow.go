package verify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// Times of following.
const (
	anchorFor  = time.Minute           // a connection is begun anew then, as no two clocks run alike
	silence    = 3 * time.Second       // without any event; the server's heart beats five times a second
	firstPause = 50 * time.Millisecond // after a connection that was lost; each next one is twice as long
	longPause  = 5 * time.Second       // at most
	sweepEvery = time.Second           // a shard of the cache
)

// Why a connection to the feed ended.
var (
	errAnchor  = errors.New("it is time to compare clocks again")
	errSilent  = errors.New("nothing was heard for too long")
	errGap     = errors.New("the feed skipped a position")
	errClock   = errors.New("the server's clock jumped")
	errRefused = errors.New("the server does not let this verifier follow its feed")
)

// Run follows the server's feed until the context ends or the verifier is closed,
// and returns nil then. What goes wrong meanwhile is logged and tried again. It is
// called once.
func (v *Verifier) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.life, cancel)()
	go v.sweep(ctx)
	pause := firstPause
	for {
		heard, err := v.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errAnchor) {
			pause = firstPause
			continue
		}
		if heard {
			pause = firstPause
		}
		v.log.Warn("lost the feed of ended sessions; asking the server for every call until it is back", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(someOf(pause)): // not all at once after a restart
		}
		pause = min(2*pause, longPause)
	}
}

// someOf is between half of a pause and one and a half.
func someOf(pause time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return pause/2 + pause*time.Duration(b[0])/256
}

func (v *Verifier) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.cache.sweep(v.now())
		}
	}
}

// follow is one connection. heard says that the server's heart beat.
func (v *Verifier) follow(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer silent.Stop()
	defer time.AfterFunc(anchorFor, func() { cancel(errAnchor) }).Stop()

	var asked atomic.Int64
	asked.Store(v.now())
	// The request is written after its connection is there: the time that the
	// connection takes need not count against the feed.
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { asked.Store(v.now()) }})
	res, err := v.connect(traced)
	if err != nil {
		return false, because(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()
	p := pulse{asked: asked.Load()}
	events := newEvents(res.Body)
	for {
		e, err := events.next()
		if err != nil {
			return p.begun, because(ctx, err)
		}
		silent.Reset(silence)
		if err := v.hear(&p, &e); err != nil {
			if errors.Is(err, errGap) {
				v.lastEvent = ""
				v.freshUntil.Store(-1)
				v.cache.restart(0) // the next connection says from where
			}
			return p.begun, err
		}
	}
}

// because is why a context ended, if it did: that is why the reading failed.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (v *Verifier) connect(ctx context.Context) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.o.Server+"/-/feed", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	if v.lastEvent != "" {
		r.Header.Set("Last-Event-ID", v.lastEvent)
	}
	v.asker.identify(r)
	res, err := v.stream.Do(r)
	if err != nil {
		return nil, err
	}
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if res.StatusCode == http.StatusOK && media == "text/event-stream" {
		return res, nil
	}
	_ = res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden {
		return nil, fmt.Errorf("%w: it answered %s", errRefused, res.Status)
	}
	return nil, fmt.Errorf("the server answered %s", res.Status)
}

// hear obeys one event.
func (v *Verifier) hear(p *pulse, e *event) error {
	switch e.name {
	case "alive":
		var d struct {
			At  *int64  `json:"at"`
			Seq *uint64 `json:"seq"`
		}
		if err := json.Unmarshal(e.data, &d); err != nil || d.At == nil || d.Seq == nil {
			return fmt.Errorf("%w: a heart-beat cannot be read", errGap)
		}
		if !v.cache.at(*d.Seq) {
			return errGap
		}
		vouched, err := p.beat(*d.At, v.now())
		if err != nil {
			return err
		}
		v.believe(vouched + int64(v.o.Freshness))
	case "ended":
		seq, ok := e.seq()
		if !ok || !v.cache.obey(seq, noticeOf(e.data)) {
			return errGap
		}
		v.lastEvent = e.id
	case "reset":
		seq, ok := e.seq()
		if !ok {
			return errGap
		}
		v.cache.restart(seq)
		v.lastEvent = e.id
	}
	return nil
}

// believe lets memory be believed until then. What was vouched for once stays so.
func (v *Verifier) believe(until int64) {
	if until > v.freshUntil.Load() {
		v.freshUntil.Store(until)
	}
}

// noticeOf reads what ended. What it does not understand is everything.
func noticeOf(data []byte) notice {
	var d map[string]json.RawMessage
	if json.Unmarshal(data, &d) != nil || d == nil || len(d) > 1 {
		return notice{all: true}
	}
	var n notice
	for name, value := range d {
		var to *uint64
		switch name {
		case "session":
			to = &n.session
		case "principal":
			to = &n.principal
		case "account":
			to = &n.account
		}
		if to == nil || json.Unmarshal(value, to) != nil || *to == 0 {
			return notice{all: true}
		}
	}
	return n
}
