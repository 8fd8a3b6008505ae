package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// kit is the API over a real store with two customers in it. What belongs to the one
// that nobody confined should see has OUTSIDE in its name.
type kit struct {
	*testing.T
	service *auth.Service
	store   *tampered
	admin   *admin.Admin
	handler http.Handler
	log     *bytes.Buffer
	ahead   atomic.Int64 // of the clock, in nanoseconds

	acme, west, division, other      int64
	key, user, outsideKey            int64 // clients
	outsideUser                      int64
	session, outsideSession          int64
	keySession                       auth.Grant
	secrets                          map[string]string // of callers
	mountElecta, mountCalAmp, mountX *auth.Mount
}

// tampered is the real store, whose audit somebody else may have had in hands.
type tampered struct {
	auth.Store
	touch func([]audit.Batch) []audit.Batch
	mute  atomic.Bool // nothing can be recorded
	spoil atomic.Bool // what was recorded cannot be read
}

func (s *tampered) AuditBefore(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	b, err := s.Store.AuditBefore(ctx, seq, limit)
	for i := range b {
		if s.spoil.Load() {
			b[i].Body = []byte("{\n")
		}
	}
	return b, err
}

func (s *tampered) Update(ctx context.Context, f func(auth.Tx) error) error {
	return s.Store.Update(ctx, func(tx auth.Tx) error {
		if s.mute.Load() {
			tx = mute{tx}
		}
		return f(tx)
	})
}

type mute struct{ auth.Tx }

func (mute) Record(audit.Event) error { return errors.New("no room for the audit") }

func (s *tampered) Audit(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error) {
	b, err := s.Store.Audit(ctx, seq, limit)
	if s.touch != nil {
		b = s.touch(b)
	}
	return b, err
}

var home = netip.MustParseAddr("192.0.2.10")

const (
	ownerAll     = "owner everywhere"
	operatorAll  = "operator everywhere"
	auditorAll   = "auditor everywhere"
	ownerAcme    = "owner of ACME"
	operatorAcme = "operator of ACME"
	operatorWest = "operator of WEST"
	auditorWest  = "auditor of WEST"
	verifierAll  = "verifier everywhere"
	clientWest   = "client of WEST"
)

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, log: &bytes.Buffer{}, secrets: map[string]string{}}
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "s.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	k.store = &tampered{Store: store}
	clock := func() time.Time { return time.Now().Add(time.Duration(k.ahead.Load())) }
	if k.service, err = auth.Open(t.Context(), k.store, auth.Options{Keys: keys, Clock: clock, Hasher: secret.NewHasher(2, 8)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.service.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	fives := auth.Limits{Failures: 2, Window: time.Hour, Lock: time.Hour}
	k.mountElecta = &auth.Mount{Name: "electa", Dialect: "electa", Policy: auth.Policy{Span: time.Hour}, Names: fives, FairUse: auth.FairUse{Logins: 60}}
	k.mountCalAmp = &auth.Mount{Name: "calamp", Dialect: "calamp", Policy: auth.Policy{Span: time.Hour}, Names: fives}
	k.mountX = &auth.Mount{Name: "OUTSIDE-mount", Dialect: "sbt", Tenant: "OUTSIDE", Policy: auth.Policy{Span: time.Hour}}
	a := admin.New(admin.Options{Service: k.service, Logger: slog.New(slog.NewTextHandler(k.log, nil)), Version: "1.2.3", SignIn: &auth.Mount{Name: auth.ConsoleDialect, Dialect: auth.ConsoleDialect, Policy: auth.Policy{Span: time.Hour}, Names: fives},
		Mounts: []admin.MountInfo{{Mount: k.mountElecta, Title: "Electa"}, {Mount: k.mountCalAmp}, {Mount: k.mountX}}})
	k.admin = a
	k.handler = a.Handler(admin.HandlerOptions{Origin: func(r *http.Request) (auth.Origin, bool) {
		return auth.Origin{Source: home, Request: "req-1"}, r.Header.Get("Test-Plain") == ""
	}})
	k.fill()
	return k
}

func (k *kit) fill() {
	k.Helper()
	outSecret := ""
	k.put(func(tx auth.Tx) error { // at once: each commit waits for the disk
		put := func(level auth.Level, tenant, parent, number int64, code string) int64 {
			a := auth.Account{Level: level, Tenant: auth.AccountID(tenant), Parent: auth.AccountID(parent), Number: number, Code: code, Name: "Name of " + code}
			if err := tx.PutAccount(&a); err != nil {
				k.Error(err)
			}
			return int64(a.ID)
		}
		k.acme = put(auth.Tenant, 0, 0, 1, "ACME")
		k.west = put(auth.Organization, k.acme, k.acme, 100, "WEST")
		k.division = put(auth.Division, k.acme, k.west, 101, "WEST-1")
		k.other = put(auth.Tenant, 0, 0, 900, "OUTSIDE")
		key := func(account int64, name string, role auth.Role, everywhere bool) (id int64, secret string) {
			rec := auth.Key{Account: auth.AccountID(account), Name: name, Role: role, Everywhere: everywhere, Created: k.service.Now().UTC().Truncate(time.Microsecond)}
			secret = k.service.NewSecret(&rec)
			if err := tx.PutKey(&rec); err != nil {
				k.Error(err)
			}
			return int64(rec.ID), secret
		}
		_, k.secrets[ownerAll] = key(k.other, "OUTSIDE "+ownerAll, auth.Owner, true)
		_, k.secrets[operatorAll] = key(k.other, "OUTSIDE "+operatorAll, auth.Operator, true)
		_, k.secrets[auditorAll] = key(k.other, "OUTSIDE "+auditorAll, auth.Auditor, true)
		_, k.secrets[verifierAll] = key(k.other, "OUTSIDE "+verifierAll, auth.Verifier, true)
		_, k.secrets[ownerAcme] = key(k.acme, ownerAcme, auth.Owner, false)
		_, k.secrets[operatorAcme] = key(k.acme, operatorAcme, auth.Operator, false)
		_, k.secrets[operatorWest] = key(k.west, operatorWest, auth.Operator, false)
		_, k.secrets[auditorWest] = key(k.west, auditorWest, auth.Auditor, false)
		k.key, k.secrets[clientWest] = key(k.west, clientWest, auth.Client, false)
		k.outsideKey, outSecret = key(k.other, "OUTSIDE-key", auth.Client, false)
		user := func(tenant, account int64, name string) int64 {
			u := auth.User{Tenant: auth.AccountID(tenant), Account: auth.AccountID(account), Name: name, Active: true}
			if err := tx.PutUser(&u); err != nil {
				k.Error(err)
			}
			return int64(u.ID)
		}
		k.user, k.outsideUser = user(k.acme, k.west, "anna"), user(k.other, k.other, "OUTSIDE-otto")
		return errors.Join(
			tx.PutPolicy(&auth.Policy{Name: "day", Span: 24 * time.Hour}),
			tx.PutApp(&auth.App{Key: "app-in", Account: auth.AccountID(k.west), Name: "in"}),
			tx.PutApp(&auth.App{Key: "OUTSIDE-app", Account: auth.AccountID(k.other)}))
	})
	k.keySession = k.login(100, k.secrets[clientWest])
	k.session = int64(k.keySession.Session.ID)
	k.outsideSession = int64(k.login(900, outSecret).Session.ID)
	for _, wrong := range []int64{100, 100, 900, 900} { // lock both
		_, err := k.service.Login(k.Context(), k.attempt(wrong, "wrong"))
		if err == nil {
			k.Fatal("a wrong secret logs in")
		}
	}
}

func (k *kit) put(f func(auth.Tx) error) {
	k.Helper()
	if err := k.service.Update(k.Context(), f); err != nil {
		k.Fatal(err)
	}
}

func (k *kit) attempt(number int64, secret string) *auth.Attempt {
	return &auth.Attempt{Mount: k.mountElecta, Scheme: auth.AccountKey, Number: number, Secret: secret, Form: auth.FormNative, Origin: auth.Origin{Source: home}}
}

func (k *kit) login(number int64, secret string) auth.Grant {
	k.Helper()
	g, err := k.service.Login(k.Context(), k.attempt(number, secret))
	if err != nil {
		k.Fatal(err)
	}
	return g
}

// live says whether a session's token is good.
func (k *kit) live(g auth.Grant) bool {
	_, err := k.service.Check(k.Context(), &auth.Bearer{Mount: k.mountElecta, Form: auth.FormNative, Value: g.Token})
	return err == nil
}

// number of the account of a caller.
func numberOf(who string) string {
	switch who {
	case ownerAcme, operatorAcme:
		return "1"
	case operatorWest, auditorWest, clientWest:
		return "100"
	}
	return "OUTSIDE"
}

// toHandler sends requests to the handler as a caller.
type toHandler struct{ h http.Handler }

func (t toHandler) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	r = r.Clone(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	t.h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// as is the client of a caller.
func (k *kit) as(who string) *client.Client {
	k.Helper()
	c, err := client.New(client.Options{URL: "https://admin.test", Account: numberOf(who), Secret: k.secrets[who], HTTP: &http.Client{Transport: toHandler{k.handler}}})
	if err != nil {
		k.Fatal(err)
	}
	return c
}

// ask runs an operation of the table by its wire form alone.
func (k *kit) ask(who string, op *api.Operation, in any) (status int, body string) {
	k.Helper()
	path, query, content := op.Path, []string{}, map[string]any{}
	v := reflect.ValueOf(in)
	if v.Type() != op.Input() {
		k.Fatalf("%s takes %v, not %v", op.Name, op.Input(), v.Type())
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		value := v.FieldByIndex(f.Index)
		if n := f.Tag.Get("path"); n != "" {
			path = strings.ReplaceAll(path, "{"+n+"}", fmt.Sprint(value.Interface()))
		}
		if n := f.Tag.Get("query"); n != "" && !value.IsZero() {
			query = append(query, n+"="+strings.ReplaceAll(fmt.Sprint(value.Interface()), " ", "+"))
		}
		if n, _, _ := strings.Cut(f.Tag.Get("json"), ","); n != "" && !value.IsZero() {
			content[n] = value.Interface()
		}
	}
	var r io.Reader
	if op.HasBody() {
		b, err := json.Marshal(content)
		if err != nil {
			k.Fatal(err)
		}
		r = bytes.NewReader(b)
	}
	req := httptest.NewRequest(op.Method, path+"?"+strings.Join(query, "&"), r)
	req.Header.Set("Content-Type", "application/json")
	req.SetBasicAuth(numberOf(who), k.secrets[who])
	rec := httptest.NewRecorder()
	k.handler.ServeHTTP(rec, req)
	return rec.Code, rec.Body.String()
}

// target is what samples are about.
type target struct {
	account, parent, key, user, session int64
	app, lock                           string
}

func (k *kit) inside() target {
	return target{account: k.division, parent: k.west, key: k.key, user: k.user, session: k.session, app: "app-in", lock: "100"}
}

func (k *kit) outside() target {
	return target{account: k.other, parent: k.other, key: k.outsideKey, user: k.outsideUser, session: k.outsideSession, app: "OUTSIDE-app", lock: "900"}
}

// sample is an input of each operation that would do something.
func sample(op *api.Operation, t target) any {
	why := api.Note{Why: "because of ticket 7"}
	gone := api.NoteGone{Why: "because of ticket 7"}
	switch op.Name {
	case "account list":
		return api.AccountQuery{Within: t.account}
	case "account show", "key show", "user show", "session show":
		return api.ByID{ID: t.of(op)}
	case "account create":
		return api.NewAccount{Parent: t.parent, Code: "NEW-" + fmt.Sprint(t.parent), Name: "New", Note: why}
	case "account update":
		return api.AccountChange{ID: t.account, Name: new("Renamed"), Note: why}
	case "account delete", "key delete", "user delete", "session end":
		return api.Removal{ID: t.of(op), NoteGone: gone}
	case "key list", "app list":
		return api.MemberQuery{Account: t.account}
	case "key create":
		return api.NewKey{Account: t.account, Name: "made", Networks: []string{"10.0.0.0/8"}, Policy: "day", Note: why}
	case "key rotate":
		return api.KeyRotation{ID: t.key, Note: why}
	case "key update":
		return api.KeyChange{ID: t.key, Policy: new("day"), Networks: &[]string{"192.0.2.0/24"}, Note: why}
	case "user list":
		return api.UserQuery{MemberQuery: api.MemberQuery{Account: t.account}}
	case "user create":
		return api.NewUser{Account: t.account, Name: "new user", Password: "a-password-to-be-hidden", Note: why}
	case "user update":
		return api.UserChange{ID: t.user, Active: new(false), FullName: new("Anna"), Note: why}
	case "user set-password":
		return api.NewPassword{ID: t.user, Password: "a-password-to-be-hidden", Note: why}
	case "app create":
		return api.NewApp{Key: "new-app", Account: t.account, Note: why}
	case "app update":
		return api.AppChange{Key: t.app, Disabled: new(true), Note: why}
	case "app delete":
		return api.AppRemoval{Key: t.app, NoteGone: gone}
	case "policy list":
		return api.Page{}
	case "policy create":
		return api.NewPolicy{Policy: api.Policy{Name: "week", Life: api.Life{Span: api.Span(7 * 24 * time.Hour)}}, Note: why}
	case "policy update":
		return api.PolicyChange{Name: "day", Span: new(api.Span(48 * time.Hour)), Note: why}
	case "policy delete":
		return api.PolicyRemoval{Name: "day", NoteGone: gone}
	case "session list":
		return api.SessionQuery{Account: t.account}
	case "session end-all":
		return api.EndAll{Key: t.key, Note: why}
	case "lock list":
		return api.LockQuery{Name: t.lock}
	case "lock lift":
		return api.LockLifting{Name: t.lock, Note: why}
	case "audit search":
		return api.AuditQuery{EventFilter: api.EventFilter{Account: t.lock}}
	case "audit export":
		return api.AuditRange{EventFilter: api.EventFilter{Account: t.lock}}
	case "audit verify":
		return api.VerifyQuery{}
	case "usage list":
		return api.UsageQuery{Account: t.account}
	case "server show":
		return api.Nothing{}
	}
	return nil
}

func (t target) of(op *api.Operation) int64 {
	switch noun, _, _ := strings.Cut(op.Name, " "); noun {
	case "account":
		return t.account
	case "key":
		return t.key
	case "user":
		return t.user
	}
	return t.session
}

// state is everything that is kept, but for the audit: as text, to be compared.
func (k *kit) state() string {
	k.Helper()
	var b strings.Builder
	err := k.service.View(k.Context(), func(v auth.Reader) error {
		accounts, err := v.PageAccounts(auth.Scope{}, 0, 1000)
		if err != nil {
			return err
		}
		keys, err := v.PageKeys(auth.Scope{}, 0, 1000)
		if err != nil {
			return err
		}
		for i := range keys {
			keys[i].LastUsed = time.Time{} // asking is a use
		}
		users, err := v.PageUsers(auth.Scope{}, 0, 1000)
		if err != nil {
			return err
		}
		apps, err := v.PageApps(auth.Scope{}, "", 1000)
		if err != nil {
			return err
		}
		policies, err := v.Policies()
		fmt.Fprintf(&b, "%+v\n%+v\n%+v\n%+v\n%+v\n", accounts, keys, users, apps, policies)
		return err
	})
	if err != nil {
		k.Fatal(err)
	}
	rows, _, err := k.store.Sessions(k.Context(), auth.SessionQuery{Limit: 1000})
	if err != nil {
		k.Fatal(err)
	}
	fmt.Fprintf(&b, "%+v\n", rows)
	if err := k.store.Guards(k.Context(), func(g auth.GuardRow) error { fmt.Fprintf(&b, "%+v\n", g); return nil }); err != nil {
		k.Fatal(err)
	}
	return b.String()
}

// events is the whole audit.
func (k *kit) events() (list []audit.Event) {
	k.Helper()
	batches, err := k.store.Store.Audit(k.Context(), 0, 10_000)
	if err != nil {
		k.Fatal(err)
	}
	for i := range batches {
		events, err := batches[i].Events()
		if err != nil {
			k.Fatal(err)
		}
		list = append(list, events...)
	}
	return list
}

// authorized is the handler as an owner asks it.
type authorized struct{ *kit }

func (a authorized) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.SetBasicAuth(numberOf(ownerAll), a.secrets[ownerAll])
	a.handler.ServeHTTP(w, r)
}
