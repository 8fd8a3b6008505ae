package admin_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// signIn makes an administrator and a session of it over the console's mount.
func (k *kit) signIn(m *auth.Mount, name, key string) (auth.User, auth.Grant) {
	k.Helper()
	const password = "a-password-to-be-hidden"
	hash, err := k.service.Hasher().Hash(k.Context(), password)
	if err != nil {
		k.Fatal(err)
	}
	u := auth.User{Tenant: auth.AccountID(k.other), Account: auth.AccountID(k.other), Name: name, Active: true, Password: hash, Role: auth.Owner, Everywhere: true}
	k.put(func(tx auth.Tx) error { u.ID = 0; return tx.PutUser(&u) })
	a := &auth.Attempt{Mount: m, Scheme: auth.Password, User: name, Secret: password, Form: auth.FormNative, Origin: auth.Origin{Source: home}}
	if key != "" {
		u.Factor = k.service.SealFactor(u.ID, key)
		k.put(func(tx auth.Tx) error { return tx.PutUser(&u) })
		a.Factor, _ = secret.TOTP(key, secret.TOTPStep(k.service.Now()))
	}
	g, err := k.service.Login(k.Context(), a)
	if err != nil {
		k.Fatal(err)
	}
	return u, g
}

// Where a second factor is asked for, a session without it opens the API no more than
// the console.
func TestSessionWithoutFactorIsRefused(t *testing.T) {
	k := newKit(t)
	m := &auth.Mount{Name: auth.ConsoleDialect, Dialect: auth.ConsoleDialect, Policy: auth.Policy{Never: true}}
	_, without := k.signIn(m, "without", "")
	_, with := k.signIn(m, "with", auth.NewFactor())
	for _, required := range []bool{true, false} {
		h := admin.New(admin.Options{Service: k.service}).Handler(admin.HandlerOptions{Console: m, FactorRequired: required,
			Origin: func(*http.Request) (auth.Origin, bool) { return auth.Origin{Source: home}, true }})
		for _, token := range []string{without.Token, with.Token} {
			want := http.StatusOK
			if required && token == without.Token {
				want = http.StatusForbidden
			}
			for how, alter := range map[string]func(*http.Request){
				"bearer":          func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) },
				"cookie":          func(r *http.Request) { r.AddCookie(&http.Cookie{Name: admin.CookieName, Value: token}) },
				"cookie over TLS": func(r *http.Request) { r.AddCookie(&http.Cookie{Name: admin.SecureCookieName, Value: token}) },
			} {
				r := httptest.NewRequest(http.MethodGet, api.Prefix+"/server", nil)
				alter(r)
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, r)
				if rec.Code != want {
					t.Errorf("required %v, %s: %d, want %d: %s", required, how, rec.Code, want, rec.Body)
				}
			}
		}
	}
}

func TestEnrolFactor(t *testing.T) {
	k := newKit(t)
	m := &auth.Mount{Name: auth.ConsoleDialect, Dialect: auth.ConsoleDialect, Policy: auth.Policy{Never: true}}
	u, first := k.signIn(m, "olga", "")
	again, err := k.service.Login(k.Context(), &auth.Attempt{Mount: m, Scheme: auth.Password, User: "olga", Secret: "a-password-to-be-hidden", Form: auth.FormNative, Origin: auth.Origin{Source: home}})
	if err != nil {
		t.Fatal(err)
	}
	a := admin.New(admin.Options{Service: k.service})
	by := &auth.Caller{Identity: first.Session.Identity}
	key := auth.NewFactor()
	code, _ := secret.TOTP(key, secret.TOTPStep(k.service.Now()))
	in := admin.FactorEnrolment{Key: key, Code: code, Session: first.Session.ID}

	wrong := in
	wrong.Code = "000000"
	if err := a.EnrolFactor(k.Context(), by, auth.Origin{Source: home}, wrong); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a wrong code: %v", err)
	}
	if err := a.EnrolFactor(k.Context(), admin.LocalOwner("root"), auth.Origin{}, in); !errors.Is(err, admin.ErrForbidden) {
		t.Errorf("for who is no user: %v", err)
	}
	if err := a.EnrolFactor(k.Context(), nil, auth.Origin{}, in); !errors.Is(err, admin.ErrForbidden) {
		t.Errorf("for nobody: %v", err)
	}
	if err := a.EnrolFactor(k.Context(), by, auth.Origin{Source: home}, in); err != nil {
		t.Fatal(err)
	}
	check := func(g auth.Grant) bool {
		_, err := k.service.Check(k.Context(), &auth.Bearer{Mount: m, Form: auth.FormNative, Value: g.Token})
		return err == nil
	}
	if !check(first) || check(again) {
		t.Error("of two sessions, the one that enrolled is not the one that goes on")
	}
	if err := a.EnrolFactor(k.Context(), by, auth.Origin{Source: home}, in); !errors.Is(err, auth.ErrConflict) {
		t.Errorf("in place of another: %v", err)
	}
	last := k.events()[len(k.events())-1]
	if last.Kind != audit.Change || last.Reason != "user enrol-factor" || last.Subject != "olga" || last.Count != 1 || strings.Contains(last.Detail, key) {
		t.Errorf("recorded %+v", last)
	}
	k.put(func(tx auth.Tx) error {
		stored, err := tx.User(u.ID)
		if err == nil && (stored.Factor == "" || strings.Contains(stored.Factor, key) || stored.FactorStep == 0) {
			t.Errorf("stored %q, step %d", stored.Factor, stored.FactorStep)
		}
		return err
	})
}

func TestMayAndRefuse(t *testing.T) {
	k := newKit(t)
	a := admin.New(admin.Options{Service: k.service})
	for role, want := range map[auth.Role][2]bool{auth.Owner: {true, true}, auth.Operator: {true, true}, auth.Auditor: {true, false}, auth.Verifier: {}, auth.Delegate: {}, auth.Client: {}} {
		by := &auth.Caller{Identity: &auth.Identity{Subject: "x", Role: role}}
		if got := [2]bool{admin.May(by, &api.KeyList.Operation), admin.May(by, &api.KeyCreate.Operation)}; got != want {
			t.Errorf("%q may read, write: %v, want %v", role, got, want)
		}
	}
	if admin.May(nil, &api.KeyList.Operation) {
		t.Error("nobody may")
	}
	n := len(k.events())
	err := a.Refuse(k.Context(), &api.KeyCreate.Operation, &auth.Caller{Identity: &auth.Identity{Subject: "x", Role: auth.Auditor}}, auth.Origin{Source: home})
	if events := k.events()[n:]; !errors.Is(err, admin.ErrForbidden) || len(events) != 1 || events[0].Kind != audit.Refusal || events[0].Reason != "key create" || events[0].Actor != "x" {
		t.Errorf("%v, recorded %+v", err, events)
	}
	if p := admin.ProblemOf(err); p.Status != http.StatusForbidden {
		t.Errorf("%+v", p)
	}
}
