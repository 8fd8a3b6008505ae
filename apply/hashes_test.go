package apply_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func argon2id(password string, kib, passes uint32) string {
	salt := []byte("somesaltsomesalt")
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", kib, passes, enc.EncodeToString(salt),
		enc.EncodeToString(argon2.IDKey([]byte(password), salt, passes, kib, 1, 32)))
}

// login logs a user in, and waits until all that follows from it is stored.
func (w *world) login(user, password string) auth.SessionID {
	w.t.Helper()
	s, err := auth.Open(w.t.Context(), w.store, auth.Options{Keys: w.keys, Hasher: secret.NewHasher(1, 1),
		Clock: func() time.Time { return today }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	m := &auth.Mount{Name: "m", Dialect: "calamp", Policy: auth.Policy{Span: 24 * time.Hour}}
	grant, err := s.Login(w.t.Context(), &auth.Attempt{Mount: m, Scheme: auth.Password, User: user, Secret: password,
		Form: secret.FormNative, Origin: auth.Origin{Source: netip.MustParseAddr("192.0.2.7")}})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		w.t.Fatal(err)
	}
	return grant.Session.ID
}

// A file that brings users along is applied again and again. Whatever a login
// did to the hash in between, nothing changes and nobody is thrown out.
func TestHashesBroughtAlong(t *testing.T) {
	for name, c := range map[string]struct {
		hash   string
		rehash bool
	}{
		"PHP's argon2id":  {argon2id("password of ann", 65536, 4), false},
		"a weak argon2id": {argon2id("password of ann", 8192, 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			file := `tenants: [{code: ACME, users: [{name: ann, password_hash: "` + c.hash + `"}]}]`
			w.apply(file)
			first := w.login("ann", "password of ann")
			stored := w.userOf("ann").Password
			if rehashed := stored != c.hash; rehashed != c.rehash || secret.NeedsRehash(stored) {
				t.Fatalf("after the login the hash is %.40s", stored)
			}
			second := w.login("ann", "password of ann")
			before := w.head()
			out, text := w.apply(file)
			if out.Changes != 0 || out.Ended != 0 || w.head() != before || !w.alive(first) || !w.alive(second) {
				t.Errorf("applied again: %+v, sessions live: %v, %v\n%s", out, w.alive(first), w.alive(second), text)
			}
			if got := w.userOf("ann").Password; got != stored {
				t.Errorf("applied again, the hash is %.40s", got)
			}
		})
	}
}
