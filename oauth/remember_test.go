package oauth

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// A verifier believes an answer for no longer than the session lives, asks often
// enough to keep it alive, and asks each time about what is good for one.
func TestRemember(t *testing.T) {
	now := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	in := now.Add
	for what, c := range map[string]struct {
		life   auth.Life
		bearer auth.Bearer
		want   time.Duration
	}{
		"never ends":         {auth.Life{}, auth.Bearer{}, 5 * time.Minute},
		"ends tomorrow":      {auth.Life{Ends: in(24 * time.Hour)}, auth.Bearer{}, 5 * time.Minute},
		"ends in 100 s":      {auth.Life{Ends: in(100 * time.Second)}, auth.Bearer{}, 99 * time.Second},
		"ends in 1.9 s":      {auth.Life{Ends: in(1900 * time.Millisecond)}, auth.Bearer{}, time.Second},
		"ends in a second":   {auth.Life{Ends: in(time.Second)}, auth.Bearer{}, 0},
		"over":               {auth.Life{Ends: in(-time.Hour)}, auth.Bearer{}, 0},
		"idle":               {auth.Life{Ends: in(20 * time.Minute), Idle: 20 * time.Minute}, auth.Bearer{}, 5 * time.Minute},
		"idle for 40 s":      {auth.Life{Ends: in(40 * time.Second), Idle: 40 * time.Second}, auth.Bearer{}, 10 * time.Second},
		"idle, but for less": {auth.Life{Ends: in(5 * time.Second), Idle: 40 * time.Second}, auth.Bearer{}, 4 * time.Second},
		"idle for 3 s":       {auth.Life{Ends: in(3 * time.Second), Idle: 3 * time.Second}, auth.Bearer{}, 0},
		"counted":            {auth.Life{Uses: 3}, auth.Bearer{}, 0},
		"wrapped":            {auth.Life{}, auth.Bearer{Carried: "etoken"}, 0},
		"stopped by a lock":  {auth.Life{}, auth.Bearer{Mount: &auth.Mount{LockBlocksTokens: true}}, time.Second},
	} {
		if c.bearer.Mount == nil {
			c.bearer.Mount = &auth.Mount{}
		}
		if got := remember(&auth.Session{Life: c.life}, &c.bearer, now); got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}
