package auth_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// behind is a node beside k.service, whose key set was rotated without it.
func (k *kit) behind() *auth.Service {
	k.Helper()
	older := k.node()
	k.Cleanup(func() { _ = older.Close() })
	rotated, err := k.keys.Rotate()
	if err != nil {
		k.Fatal(err)
	}
	k.service.SetKeys(rotated)
	return older
}

// pepper is the pepper of the key main.
func (k *kit) pepper() (id uint32) {
	k.Helper()
	err := k.service.View(k.Context(), func(r auth.Reader) error {
		key, err := r.Key(k.key)
		id = key.Pepper
		return err
	})
	if err != nil {
		k.Fatal(err)
	}
	return id
}

// A node that was left out of a rotation cannot judge a key that logged in
// elsewhere. It says so, and locks nobody: neither there nor at other nodes.
func TestOlderKeySet(t *testing.T) {
	log := new(said)
	inBubble(t, func(k *kit) {
		k.options.Logger = slog.New(slog.NewTextHandler(log, nil))
		older := k.behind()
		a, mount := byKey(electaMount()), fives
		k.login(a)
		time.Sleep(7 * time.Second) // the digest is made anew, and the others hear of it
		if k.pepper() == k.keys.Pepper() {
			k.Fatal("the key kept its pepper")
		}
		for range 2 * mount.Failures {
			_, err := older.Login(k.Context(), a)
			if got := reason(k.T, err); got != auth.Unavailable || !errors.Is(err, auth.ErrOlderKeys) {
				k.Fatalf("the right secret of a key that cannot be judged: %q, %v", got, err)
			}
		}
		if n := strings.Count(log.String(), "cannot be judged here"); n != 1 {
			k.Errorf("said %d times that the key set is older:\n%s", n, log)
		}
		if e := k.events(audit.Lock); len(e) != 0 {
			k.Errorf("locked: %v", e)
		}
		if e := k.events(audit.Refusal); len(e) == 0 || e[0].Reason != string(auth.Unavailable) || !strings.Contains(e[0].Detail, "older than the database's") {
			k.Errorf("the audit tells %v", e)
		}
		k.login(a)

		unknown := *a
		unknown.Number = 654321
		if _, err := older.Login(k.Context(), &unknown); reason(k.T, err) != auth.BadCredentials {
			k.Errorf("a name that does not exist: %v", err)
		}
		older.SetKeys(k.service.Keys()) // the file was copied
		if _, err := older.Login(k.Context(), a); err != nil {
			k.Errorf("with the newer key set: %v", err)
		}
	})
}

// A key that cannot be judged hides no wrong secret from the guard where another can,
// or where it could not log in anyway; one that fits another key is let in.
func TestOlderKeySetBesideOthers(t *testing.T) {
	inBubble(t, func(k *kit) {
		foreign, err := secret.GenerateKeys()
		if err != nil {
			k.Fatal(err)
		}
		lost := auth.Key{Account: k.west, Name: "lost", Digest: foreign.KeyDigest("lost"), Pepper: foreign.Pepper(), Created: time.Now()}
		k.update(func(tx auth.Tx) error { return tx.PutKey(&lost) })
		a := byKey(electaMount())
		k.login(a)
		a.Secret = "wrong"
		for _, disabled := range []bool{false, true} {
			lost.Disabled = disabled
			k.update(func(tx auth.Tx) error { return tx.PutKey(&lost) })
			k.wantLogin(a, auth.BadCredentials)
		}
	})
}

// Between the steps of a rotation nodes differ in what they use and not in what
// they know: nobody is refused anywhere, and no digest goes back to the older key.
func TestPreparedKeySet(t *testing.T) {
	inBubble(t, func(k *kit) {
		prepared, err := k.keys.Prepare()
		if err != nil {
			k.Fatal(err)
		}
		k.keys = prepared
		waiting := k.behind()
		a := byKey(electaMount())
		g := k.login(a)
		time.Sleep(7 * time.Second)
		newer := k.pepper()
		if newer != k.service.Keys().Pepper() || newer == prepared.Pepper() {
			k.Fatalf("the key has the pepper %d", newer)
		}
		if got := k.check(waiting, bearer(a, g)); got != "" {
			k.Errorf("a token of the node that went first: %q", got)
		}
		other, err := waiting.Login(k.Context(), a)
		if err != nil {
			k.Fatal(err)
		}
		k.wantCheck(bearer(a, other), "")
		time.Sleep(7 * time.Second)
		if k.pepper() != newer {
			k.Error("the node that waits took the key back to the older pepper")
		}
	})
}

// A node that starts with a key set that lacks a pepper in use says what to do.
func TestStartWithOlderKeySet(t *testing.T) {
	log := new(said)
	inBubble(t, func(k *kit) {
		k.behind()
		k.login(byKey(electaMount()))
		time.Sleep(7 * time.Second)
		k.options.Logger = slog.New(slog.NewTextHandler(log, nil))
		if err := k.node().Close(); err != nil {
			k.Error(err)
		}
		if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "has a newer key set, copy it here") {
			k.Errorf("said:\n%s", text)
		}
	})
}
