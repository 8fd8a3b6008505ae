package admin_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// strangers puts in keys and accounts whose refusals have causes of their own, and returns
// how each asks.
func (k *kit) strangers() map[string]func(*http.Request) {
	k.Helper()
	basic := func(name, secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth(name, secret) }
	}
	ask := map[string]func(*http.Request){
		"a name of nobody's":         basic("NOBODY", "wrong"),
		"a number of nobody's":       basic("4711", "wrong"),
		"a wrong secret":             basic("WEST", "wrong"),
		"a key without a role":       basic("WEST", k.secrets[clientWest]),
		"a role that does not admin": basic(numberOf(verifierAll), k.secrets[verifierAll]),
	}
	k.put(func(tx auth.Tx) error {
		now := k.service.Now().UTC().Truncate(time.Microsecond)
		key := func(account int64, name string, change func(*auth.Key)) string {
			rec := auth.Key{Account: auth.AccountID(account), Name: name, Role: auth.Owner, Created: now}
			change(&rec)
			secret := k.service.NewSecret(&rec)
			if err := tx.PutKey(&rec); err != nil {
				k.Error(err)
			}
			return secret
		}
		ask["a disabled key"] = basic("WEST", key(k.west, "off", func(r *auth.Key) { r.Disabled = true }))
		ask["a key that is over"] = basic("WEST", key(k.west, "over", func(r *auth.Key) { r.Expires = now.Add(-time.Hour) }))
		list, err := tx.Account(auth.AccountID(k.other))
		if err != nil {
			return err
		}
		off := auth.Account{Level: auth.Organization, Tenant: list.ID, Parent: list.ID, Code: "OFF", Disabled: true}
		twin := auth.Account{Level: auth.Organization, Tenant: list.ID, Parent: list.ID, Code: "WEST-1"} // ACME has one
		if err := tx.PutAccount(&off); err != nil {
			return err
		}
		ask["a disabled account"] = basic("OFF", key(int64(off.ID), "of-off", func(*auth.Key) {}))
		if err := tx.PutAccount(&twin); err != nil {
			return err
		}
		key(int64(twin.ID), "of-twin", func(*auth.Key) {})
		ask["a name of two"] = basic("WEST-1", "wrong")
		return nil
	})
	return ask
}

// Who is refused learns nothing of why: else a stranger could find out which names there
// are.
func TestRefusedStrangersLookAlike(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	ask := k.strangers()
	want := k.request("GET", "/admin/v1/server", "", ask["a wrong secret"])
	if want.Code != http.StatusUnauthorized {
		t.Fatalf("a wrong secret: %d %s", want.Code, want.Body)
	}
	for what, change := range ask {
		got := k.request("GET", "/admin/v1/server", "", change)
		if got.Code != want.Code || got.Body.String() != want.Body.String() || got.Header().Get("WWW-Authenticate") != want.Header().Get("WWW-Authenticate") {
			t.Errorf("%s: %d %s, want %d %s", what, got.Code, got.Body, want.Code, want.Body)
		}
	}
}

// A session whose user may not administer any more is answered like one of nobody's.
func TestRefusedSessionsLookAlike(t *testing.T) {
	t.Parallel()
	k, token := consoleKit(t, auth.Operator)
	ask := func(token string) (int, string) {
		rec := k.request("GET", "/admin/v1/server", "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
		return rec.Code, rec.Body.String() + rec.Header().Get("WWW-Authenticate")
	}
	status, body := ask("sp_made-up")
	if status != http.StatusUnauthorized {
		t.Fatalf("a token of nobody's: %d %s", status, body)
	}
	for what, change := range map[string]func(*auth.User){
		"the role is another": func(u *auth.User) { u.Role = auth.Verifier },
		"the role is gone":    func(u *auth.User) { u.Role = auth.Client },
		"the user is off":     func(u *auth.User) { u.Active = false },
	} {
		k.put(func(tx auth.Tx) error {
			u, err := tx.UserByName(auth.AccountID(k.acme), "ada")
			if err != nil {
				return err
			}
			u.Role, u.Active = auth.Operator, true
			change(&u)
			return tx.PutUser(&u)
		})
		if s, b := ask(token); s != status || b != body {
			t.Errorf("%s: %d %s, want %d %s", what, s, b, status, body)
		}
	}
}
