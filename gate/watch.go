package gate

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// watchEvery is how often a call that lasts is asked whether its session still
// does: with the second that other nodes' news may take, a stream ends within
// less than two of the revocation.
const watchEvery = 500 * time.Millisecond

// watch cuts a call whose session ends while it is under way.
type watch struct {
	service *auth.Service
	session *auth.Session
	ctx     context.Context
	cut     context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // nil: the call is over
}

func newWatch(ctx context.Context, service *auth.Service, s *auth.Session) *watch {
	w := &watch{service: service, session: s}
	w.ctx, w.cut = context.WithCancelCause(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(watchEvery, w.look)
	return w
}

func (w *watch) look() {
	alive, err := w.service.Alive(w.ctx, w.session)
	if err != nil || !alive {
		w.cut(errCut)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Reset(watchEvery)
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	w.timer.Stop()
	w.timer = nil
	w.mu.Unlock()
	w.cut(nil)
}
