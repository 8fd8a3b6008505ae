package verify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// What was seen once is judged from memory, and what ends is refused.
func TestRevocationArrives(t *testing.T) {
	w := newWorld(t)
	for name, revoke := range map[string]func(auth.Grant){
		"session":   func(g auth.Grant) { w.revoke(auth.Revocation{Session: g.Session.ID}) },
		"principal": func(auth.Grant) { w.revoke(auth.Revocation{Principal: w.key}) },
		"account":   func(auth.Grant) { w.revoke(auth.Revocation{Account: w.account}) },
		"key":       func(auth.Grant) { w.disable() },
	} {
		t.Run(name, func(t *testing.T) {
			v := w.verify().follow()
			g := w.login("electa")
			s := v.want(electaCall(g), nil, false)
			if s.ID != uint64(g.Session.ID) || s.Dialect != "electa" || s.Account != "123456" || s.Subject != "main" || s.Actor != "" ||
				!s.Issued.Equal(w.clock.now()) || len(s.AccountPath) != 2 {
				t.Errorf("session %+v", s)
			}
			v.want(electaCall(g), nil, true)
			revoke(g)
			v.caughtUp()
			if name != "key" {
				v.want(electaCall(g), ErrRefused, false)
			} else if v.cache.len() != 0 && v.cache.get(v.keyOf(electaCall(g)), v.now()) != nil {
				t.Error("a session of a changed key is believed without asking")
			}
		})
	}
}

// disable touches the key, which has its sessions asked about again.
func (w *world) disable() {
	w.Helper()
	w.update(func(tx auth.Tx) error {
		k, err := tx.Key(w.key)
		if err != nil {
			return err
		}
		return tx.PutKey(&k)
	})
}

func (v *verifier) keyOf(c Credential) *key {
	k := v.seed.of(&c)
	return &k
}

// The wire holds everything back, then lets old heart-beats go in a burst: memory is
// never believed for longer than the beats vouch, counted from when they left.
func TestHeldAndBurst(t *testing.T) {
	w := newWorld(t)
	v := w.verify(func(o *Options) { o.Freshness = 500 * time.Millisecond }).follow()
	g := w.login("electa")
	v.want(electaCall(g), nil, false)
	v.beat(100 * time.Millisecond)
	v.want(electaCall(g), nil, true)

	w.wire.hold()
	v.both(400 * time.Millisecond)
	v.want(electaCall(g), nil, true) // the last beat vouches still
	w.revoke(auth.Revocation{Session: g.Session.ID})
	v.both(99 * time.Millisecond)
	v.want(electaCall(g), nil, true)
	v.both(time.Millisecond)
	v.want(electaCall(g), ErrUnavailable, false) // the question does get there, its answer does not

	v.clock.turn(time.Hour) // what is on its way is an hour old now
	head, err := w.store.FeedHead(context.Background())
	w.must(err)
	w.wire.release()
	v.await("the burst", func() bool {
		if v.isFresh() {
			t.Fatal("old heart-beats made memory fresh")
		}
		return v.cache.at(head.Seq)
	})
	v.want(electaCall(g), ErrRefused, false)
}

// With nobody to ask, everything is refused once memory is not fresh, and nothing
// before.
func TestServerGone(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	g := w.login("electa")
	v.want(electaCall(g), nil, false)
	w.wire.lead("")
	w.wire.cut()
	v.clock.turn(999 * time.Millisecond)
	v.want(electaCall(g), nil, true)
	v.clock.turn(time.Millisecond)
	if _, err := v.CheckCredential(t.Context(), electaCall(g)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("check without a server says %v", err)
	}
}

// A verifier that was cut off hears all that it missed, and nothing that it knew is
// forgotten otherwise. One whose position is gone forgets everything.
func TestResume(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	ended, kept := w.login("electa"), w.login("electa")
	v.want(electaCall(ended), nil, false)
	v.want(electaCall(kept), nil, false)
	epoch := v.cache.mark().epoch

	to := w.http.Listener.Addr().String()
	w.wire.lead("")
	w.wire.cut()
	w.revoke(auth.Revocation{Session: ended.Session.ID})
	n := 1100 // more than a page
	if testing.Short() {
		n = 50
	}
	for range n {
		g := w.login("electa")
		w.revoke(auth.Revocation{Session: g.Session.ID})
	}
	w.wire.lead(to)
	v.caughtUp()
	v.beat(100 * time.Millisecond)
	v.want(electaCall(ended), ErrRefused, false)
	v.want(electaCall(kept), nil, true)
	if got := v.cache.mark().epoch; got != epoch {
		t.Errorf("the feed was begun afresh %d times", got-epoch)
	}

}

// Whoever followed another feed, as there is one after a backup was restored,
// forgets everything, even where the position looks right.
func TestAnotherFeed(t *testing.T) {
	w := newWorld(t)
	g := w.login("electa")
	w.revoke(auth.Revocation{Session: g.Session.ID})
	head, err := w.store.FeedHead(t.Context())
	w.must(err)
	for id, epoch := range map[string]uint64{
		fmt.Sprintf("%d-%d", head.Seq, head.Mark):      1,
		fmt.Sprintf("%d-%d", head.Seq, head.Mark+1):    2,
		fmt.Sprintf("%d-%d", head.Seq+1, head.Mark):    2,
		fmt.Sprintf("%d-%d", head.Seq-1, head.Mark):    2,
		fmt.Sprintf("%d-1-%d", head.Seq, g.Session.ID): 2, // as older servers wrote it
		fmt.Sprint(head.Seq):                           2,
	} {
		v := w.verify()
		v.lastEvent = id
		v.cache.restart(head.Seq)
		v.follow()
		if got := v.cache.mark().epoch; got != epoch {
			t.Errorf("%s: epoch %d, want %d", id, got, epoch)
		}
	}
}

// Whoever finds that something was missed begins afresh, and then goes on.
func TestRecovers(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	g := w.login("electa")
	v.want(electaCall(g), nil, false)
	w.revoke(auth.Revocation{Session: w.login("electa").Session.ID})
	v.caughtUp()
	v.cache.restart(v.cache.mark().seq + 5) // as if it had heard of what nobody told
	w.revoke(auth.Revocation{Session: w.login("electa").Session.ID})
	v.caughtUp()
	v.await("a heart-beat", v.isFresh)
	v.want(electaCall(g), nil, false)
	v.want(electaCall(g), nil, true)
}

// A server that starts again, with a clock an hour back, is followed from where it
// stopped.
func TestServerRestart(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	ended, kept := w.login("electa"), w.login("electa")
	v.want(electaCall(ended), nil, false)
	v.want(electaCall(kept), nil, false)
	w.revoke(auth.Revocation{Session: ended.Session.ID})
	v.caughtUp()
	w.close()
	v.clock.turn(2 * time.Second)
	if _, err := v.CheckCredential(t.Context(), electaCall(kept)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("check without a server says %v", err)
	}
	w.clock.turn(-time.Hour)
	w.open()
	v.await("the feed", v.isFresh)
	v.want(electaCall(ended), ErrRefused, false)
	v.want(electaCall(kept), nil, true)
	if got := v.cache.mark().epoch; got != 1 {
		t.Errorf("the feed was begun afresh %d times", got-1)
	}
}

// A session that ends while the server's answer is on its way is not remembered.
func TestEndsMeanwhile(t *testing.T) {
	w := newWorld(t)
	late := &lateAnswers{}
	v := w.verify(func(o *Options) {
		late.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = late
	}).follow()
	for name, end := range map[string]func(auth.Grant){
		"session":   func(g auth.Grant) { w.revoke(auth.Revocation{Session: g.Session.ID}) },
		"principal": func(auth.Grant) { w.revoke(auth.Revocation{Principal: w.key}) },
		"account":   func(auth.Grant) { w.revoke(auth.Revocation{Account: w.account}) },
		"all": func(auth.Grant) {
			w.update(func(tx auth.Tx) error {
				return tx.PutApp(&auth.App{Key: "another", Account: w.account, Name: "another"})
			})
		},
		"reset": func(auth.Grant) { v.cache.restart(v.cache.mark().seq) },
	} {
		t.Run(name, func(t *testing.T) {
			g, other := w.login("electa"), w.login("electa")
			late.then(func() {
				end(g)
				v.caughtUp()
			})
			v.want(electaCall(g), nil, false) // it was alive when it was asked about
			if v.cache.get(v.keyOf(electaCall(g)), v.now()) != nil {
				t.Fatal("the verdict is remembered")
			}
			if name == "session" {
				late.then(func() {
					w.revoke(auth.Revocation{Session: w.login("electa").Session.ID})
					v.caughtUp()
				})
				v.want(electaCall(other), nil, false)
				v.want(electaCall(other), nil, true) // what ended was another
			}
		})
	}
}

// So is one that depends on where an account stands, when any account changes
// meanwhile.
func TestAccountMovesMeanwhile(t *testing.T) {
	w := newWorld(t)
	late := &lateAnswers{}
	v := w.verify(func(o *Options) {
		late.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = late
	}).follow()
	token := w.login("sbt").Token
	touch := func() {
		w.update(func(tx auth.Tx) error {
			a, err := tx.AccountByCode(0, verifierName)
			if err != nil {
				return err
			}
			return tx.PutAccount(&a)
		})
		v.caughtUp()
	}
	for code, remembered := range map[string]bool{"ACME-WEST-1": false, "": true} {
		late.then(touch)
		c := Credential{Token: token, Dialect: "sbt", Code: code}
		v.want(c, nil, false)
		v.want(c, nil, remembered)
	}
}

// lateAnswers does something when an introspection was answered and before the
// verifier hears of it.
type lateAnswers struct {
	http.RoundTripper
	do atomic.Pointer[func()]
}

func (l *lateAnswers) then(f func()) { l.do.Store(&f) }

func (l *lateAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if r.URL.Path == "/oauth2/introspect" && err == nil {
		if f := l.do.Swap(nil); f != nil {
			(*f)()
		}
	}
	return res, err
}

// An answer counts only if it comes within the freshness.
func TestLateAnswer(t *testing.T) {
	w := newWorld(t)
	late := &lateAnswers{}
	v := w.verify(func(o *Options) {
		late.RoundTripper = o.HTTPClient.Transport
		o.HTTPClient.Transport = late
	}).follow()
	g := w.login("electa")
	late.then(func() { v.clock.turn(time.Second) })
	v.want(electaCall(g), ErrUnavailable, false)
}

// Sessions end by time, are kept alive, and are counted, as the server has it.
func TestLives(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	t.Run("span", func(t *testing.T) {
		g := w.login("electa", auth.Policy{Name: "short", Span: 100 * time.Second})
		v.want(electaCall(g), nil, false)
		v.beat(98 * time.Second)
		v.want(electaCall(g), nil, true)
		v.beat(time.Second)
		v.want(electaCall(g), nil, false) // the last second is the server's
		v.beat(time.Second)
		v.want(electaCall(g), ErrRefused, false)
	})
	t.Run("idle", func(t *testing.T) {
		g := w.login("electa", auth.Policy{Name: "idle", Idle: 40 * time.Second, Span: 10 * time.Minute})
		for range 5 { // longer than the idle span
			v.want(electaCall(g), nil, false)
			v.beat(time.Second)
			v.want(electaCall(g), nil, true)
			v.beat(9 * time.Second)
		}
		v.beat(31 * time.Second)
		v.want(electaCall(g), ErrRefused, false)
	})
	t.Run("uses", func(t *testing.T) {
		g := w.login("electa", auth.Policy{Name: "uses", Uses: 3, Span: time.Hour})
		var passed atomic.Int64
		var calls sync.WaitGroup
		for range 10 {
			calls.Go(func() {
				if _, err := v.CheckCredential(context.Background(), electaCall(g)); err == nil {
					passed.Add(1)
				}
			})
		}
		calls.Wait()
		if passed.Load() != 3 {
			t.Errorf("%d calls passed with three uses", passed.Load())
		}
	})
}

// What the call says beside the token has to fit, and each of it has a verdict of
// its own.
func TestBeside(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	electa, sbt, calamp := w.login("electa"), w.login("sbt"), w.login("calamp")
	for _, c := range []struct {
		what string
		Credential
		want error
	}{
		{"a token alone", Credential{Token: electa.Token}, nil},
		{"another account", Credential{Token: electa.Token, Dialect: "electa", Account: customer + 1}, ErrRefused},
		{"another dialect's", Credential{Token: sbt.Token, Dialect: "electa"}, ErrRefused},
		{"own code", Credential{Token: sbt.Token, Dialect: "sbt", Code: "ACME-WEST"}, nil},
		{"a code below", Credential{Token: sbt.Token, Dialect: "sbt", Code: "ACME-WEST-1"}, nil},
		{"a code above", Credential{Token: sbt.Token, Dialect: "sbt", Code: "ACME"}, ErrRefused},
		{"an app", Credential{Token: calamp.Token, Dialect: "calamp", App: appKey}, nil},
		{"no app", Credential{Token: calamp.Token, Dialect: "calamp"}, ErrRefused},
		{"another app", Credential{Token: calamp.Token, Dialect: "calamp", App: "another"}, ErrRefused},
		{"a user for an account", Credential{Token: electa.Token, Dialect: "electa", User: "demo"}, ErrRefused},
		{"made up", Credential{Token: "sp_made-up"}, ErrRefused},
		{"none", Credential{}, ErrRefused},
		{"too long", Credential{Token: string(make([]byte, maxToken+1))}, ErrRefused},
	} {
		if s, err := v.CheckCredential(t.Context(), c.Credential); !sameError(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		} else if err == nil {
			if s.ID == 0 {
				t.Errorf("%s: %+v", c.what, s)
			}
			v.want(c.Credential, nil, true)
		}
	}
	if v.cache.len() != 4 {
		t.Errorf("%d verdicts are remembered: those that refuse take memory", v.cache.len())
	}

	// A code that was good may have moved elsewhere: any change of accounts counts.
	v.want(Credential{Token: sbt.Token, Dialect: "sbt", Code: "ACME-WEST-1"}, nil, true)
	w.update(func(tx auth.Tx) error {
		a, err := tx.AccountByCode(0, verifierName)
		if err != nil {
			return err
		}
		return tx.PutAccount(&a)
	})
	v.caughtUp()
	v.want(Credential{Token: sbt.Token, Dialect: "sbt", Code: "ACME-WEST-1"}, nil, false)
	v.want(electaCall(electa), nil, false)
	v.want(electaCall(electa), nil, true)
}
