package auth_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// While the store is away the log hears of it at once and then every ten seconds,
// with how often it happened, of logins as well; once it is back, once.
func TestTroubleIsToldSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		defer k.close()
		k.login(byKey(electaMount())) // who it is stands in memory
		var log bytes.Buffer
		node, err := auth.Open(t.Context(), k.store, auth.Options{Keys: k.keys, Hasher: k.hasher, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := node.Login(t.Context(), byKey(electaMount())); err != nil {
			t.Fatal(err)
		}
		k.store.broken.Store(true)
		wrong := byKey(electaMount())
		wrong.Secret = "wrong"
		for range 3 {
			for _, a := range []*auth.Attempt{byKey(electaMount()), wrong} {
				if _, err := node.Login(t.Context(), a); err == nil {
					t.Fatal("a login was kept by a store that is away")
				}
			}
		}
		time.Sleep(24 * time.Second)
		k.store.broken.Store(false)
		time.Sleep(20 * time.Second)
		if err := node.Close(); err != nil {
			t.Error(err)
		}
		for what, want := range map[string]int{"cannot follow the feed": 3, "the feed of ended sessions is followed again": 1,
			"could not be kept": 1, "could not be judged": 1} {
			if got := strings.Count(log.String(), what); got != want {
				t.Errorf("%q is told %d times, want %d", what, got, want)
			}
		}
		if !strings.Contains(log.String(), "times=50") { // five a second
			t.Error("nothing says how often the feed could not be followed")
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
}

func TestTrouble(t *testing.T) {
	var trouble auth.Trouble
	now := time.Unix(1_700_000_000, 0)
	happened := func(after time.Duration, times int, told bool) {
		t.Helper()
		now = now.Add(after)
		if n, tell := trouble.Happened(now); n != times || tell != told {
			t.Errorf("told %d %t, want %d %t", n, tell, times, told)
		}
	}
	over := func(times int, told bool) {
		t.Helper()
		if n, tell := trouble.Over(); n != times || tell != told {
			t.Errorf("over after %d %t, want %d %t", n, tell, times, told)
		}
	}
	over(0, false)
	happened(0, 1, true)
	happened(time.Second, 0, false)
	happened(9*time.Second, 2, true)
	over(3, true)
	over(0, false)
	happened(time.Second, 0, false) // it comes and goes
	over(0, false)
	happened(time.Hour, 2, true)
	over(2, true)
}
