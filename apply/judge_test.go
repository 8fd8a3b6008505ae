package apply

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// The hasher is shared with logins, which may fill it for a while.
func TestPatiently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := patiently(t.Context(), func() error {
			if calls++; calls < 3 {
				return secret.ErrBusy
			}
			return nil
		})
		if err != nil || calls != 3 {
			t.Errorf("%d calls, %v", calls, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := patiently(ctx, func() error { return secret.ErrBusy }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("for ever busy: %v", err)
		}
	})
}
