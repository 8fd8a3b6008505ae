package apply_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/apply"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

var (
	_ apply.Target = auth.Store(nil)
	_ apply.Target = (*auth.Service)(nil)
)

var today = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// world is a store with a key set, and all that was said about it.
type world struct {
	t     *testing.T
	dir   string
	store *sqlite.Store
	keys  *secret.Keys
	now   time.Time
	said  strings.Builder // plans, outcomes, errors
}

func newWorld(t *testing.T) *world {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, store: store, keys: keys, now: today}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// plan compares a file; the error is for the caller.
func (w *world) plan(file string) (*apply.Plan, string, error) {
	w.t.Helper()
	f, err := apply.Parse("f.yaml", []byte(file))
	if err != nil {
		fmt.Fprintf(&w.said, "%v %+v %#v\n", err, err, err)
		return nil, "", err
	}
	p, err := apply.Make(w.t.Context(), w.store, f, apply.Options{Keys: w.keys, Clock: func() time.Time { return w.now }, Actor: "op"})
	if err != nil {
		fmt.Fprintf(&w.said, "%v %+v\n", err, err)
		return nil, "", err
	}
	var text strings.Builder
	if err := p.Write(&text); err != nil {
		w.t.Fatal(err)
	}
	w.said.WriteString(text.String())
	return p, text.String(), nil
}

// apply makes and executes a plan, and returns what it said.
func (w *world) apply(file string) (apply.Outcome, string) {
	w.t.Helper()
	p, text, err := w.plan(file)
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := p.Execute(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprintf(&w.said, "%v %+v %#v\n", out, out, out)
	return out, text
}

// refused is a file that the store does not let be applied.
func (w *world) refused(file string) error {
	w.t.Helper()
	p, _, err := w.plan(file)
	if err == nil {
		if _, err = p.Execute(w.t.Context()); err == nil {
			w.t.Fatal("was applied")
		}
		fmt.Fprintf(&w.said, "%v %+v\n", err, err)
	}
	return err
}

// head is a number that every write moves.
func (w *world) head() string {
	w.t.Helper()
	head, err := w.store.FeedHead(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprintf("%d notices, %d events", head, len(w.events()))
}

func (w *world) events() (list []audit.Event) {
	w.t.Helper()
	batches, err := w.store.Audit(w.t.Context(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range batches {
		events, err := batches[i].Events()
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, events...)
	}
	return list
}

func (w *world) view(f func(auth.Reader) error) {
	w.t.Helper()
	if err := w.store.View(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) keyOf(secretText string) (k auth.Key) {
	w.t.Helper()
	w.view(func(r auth.Reader) (err error) { k, err = r.KeyByDigest(w.keys.KeyDigest(secretText)); return err })
	return k
}

func (w *world) userOf(name string) (u auth.User) {
	w.t.Helper()
	w.view(func(r auth.Reader) error {
		users, err := r.UsersByName(name, 2)
		if err == nil && len(users) != 1 {
			err = fmt.Errorf("%d users are called %s", len(users), name)
		}
		if err == nil {
			u = users[0]
		}
		return err
	})
	return u
}

// session opens a session of a principal.
func (w *world) session(p auth.PrincipalID) auth.SessionID {
	w.t.Helper()
	id, err := w.store.Lease(w.t.Context(), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	row := auth.SessionRow{ID: id, Principal: p, Dialect: "electa", Digest: secret.Digest{byte(id)}, Life: auth.Policy{Never: true}.Begin(today)}
	if _, err := w.store.Apply(w.t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{row}}); err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) alive(id auth.SessionID) bool {
	_, err := w.store.Session(w.t.Context(), id)
	if err != nil && !errors.Is(err, auth.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

const customers = `
policies: {day: {span: 1d}}
tenants:
  - code: ACME
    keys: [{name: main, secret: first-secret-of-acme, policy: day}]
    apps: [{key: app-1, name: One}]
    users: [{name: ann, password: ann-password, rights: 7}]
    organizations:
      - number: 42
        keys: [{name: main, secret: second-secret-of-acme, networks: [10.0.0.0/8]}, {name: made}]
        divisions: [{code: D1, users: [{name: bob, password_hash: "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}]}]
`

func TestCreate(t *testing.T) {
	w := newWorld(t)
	before := w.head()
	_, text, err := w.plan(customers)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.head(); got != before {
		t.Errorf("comparing wrote: %s, before %s", got, before)
	}
	if want := `+ policy day
+ tenant ACME
+ key ACME/main
+ app ACME/app-1
+ user ACME/ann
+ organization ACME/42
+ key ACME/42/main
+ key ACME/42/made
+ division ACME/42/D1
+ user ACME/bob
= 0 unchanged
`; text != want {
		t.Errorf("plan is\n%swant\n%s", text, want)
	}
	if p, _, err := w.plan(customers); err != nil || fmt.Sprint(p.Generates()) != "[ACME/42/made]" {
		t.Errorf("generates %v, %v", p, err)
	}
	out, _ := w.apply(customers)
	if out.Changes != 10 || out.Ended != 0 || len(out.Generated) != 1 {
		t.Fatalf("outcome %+v", out)
	}
	g := out.Generated[0]
	if g.Account != "ACME/42" || g.Key != "made" || w.keyOf(g.Secret).Name != "made" {
		t.Errorf("generated %s %s", g.Account, g.Key)
	}
	k := w.keyOf("first-secret-of-acme")
	if k.Policy != "day" || k.Created != today || k.Pepper != w.keys.Pepper() || k.Disabled {
		t.Errorf("key %+v", k)
	}
	ann := w.userOf("ann")
	if ok, _, err := secret.NewHasher(1, 1).Verify(t.Context(), ann.Password, "ann-password"); !ok || err != nil || !ann.Active || ann.Rights != 7 {
		t.Errorf("user %+v, password %v, %v", ann, ok, err)
	}
	if bob := w.userOf("bob"); !strings.HasPrefix(bob.Password, "$2y$10$N9qo8") || bob.Tenant != ann.Tenant || bob.Account == ann.Account {
		t.Errorf("user %+v", bob)
	}
	events := w.events()
	if len(events) != out.Changes {
		t.Fatalf("%d events for %d changes", len(events), out.Changes)
	}
	if e, want := events[6], (audit.Event{At: today, Kind: audit.Change, Tenant: "ACME", Account: "42", Subject: "main", Actor: "op",
		Reason: "apply", Detail: "+ key ACME/42/main"}); e != want {
		t.Errorf("event\n%+v, want\n%+v", e, want)
	}
}

func TestSameAgainWritesNothing(t *testing.T) {
	for name, file := range map[string]string{"customers": customers, "example": string(apply.Example()), "demo": string(apply.Demo()), "nothing": "", "only a comment": "# none\n---\n"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(file)
			before := w.head()
			out, text := w.apply(file)
			if out.Changes != 0 || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "= ") {
				t.Errorf("the second time: %+v\n%s", out, text)
			}
			if got := w.head(); got != before {
				t.Errorf("the second time wrote: %s, before %s", got, before)
			}
		})
	}
}

// What a file names has its number, code or name since the time of the event that says so.
func TestNamedSince(t *testing.T) {
	w := newWorld(t)
	times := func(what string, number, code, name time.Time) {
		t.Helper()
		w.view(func(r auth.Reader) error {
			tenant, err := r.AccountByCode(0, "ACME")
			if err != nil {
				return err
			}
			list, err := r.Accounts(tenant.ID)
			if err != nil || len(list) != 1 || tenant.CodeSince != today || !tenant.NumberSince.IsZero() {
				return fmt.Errorf("%w: below %+v are %+v", err, tenant, list)
			}
			if a := list[0]; a.NumberSince != number || a.CodeSince != code {
				t.Errorf("%s: its number since %v, want %v, its code since %v, want %v", what, a.NumberSince, number, a.CodeSince, code)
			}
			if u := w.userOf("bob"); u.NameSince != name {
				t.Errorf("%s: the user since %v, want %v", what, u.NameSince, name)
			}
			return nil
		})
		if events := w.events(); events[len(events)-1].At != w.now {
			t.Errorf("%s: the last event is %+v", what, events[len(events)-1])
		}
	}
	const file = "tenants: [{code: ACME, organizations: [{number: %d, code: WEST, users: [{name: bob, state: %s, rights: %d}]}]}]"
	w.apply("tenants: [{code: ACME, organizations: [{code: WEST, users: [{name: bob}]}]}]")
	times("made", time.Time{}, today, today)
	hour := today.Add(time.Hour)
	w.now = hour
	w.apply(fmt.Sprintf(file, 5, "present", 7))
	times("given a number", hour, today, today)
	w.now = hour.Add(time.Hour)
	w.apply(fmt.Sprintf(file, 6, "absent", 7))
	w.now = hour.Add(2 * time.Hour)
	w.apply(fmt.Sprintf(file, 6, "present", 7))
	times("renumbered, and another user", hour.Add(time.Hour), today, hour.Add(2*time.Hour))
}

// readOnly refuses to begin a transaction that writes.
type readOnly struct{ *sqlite.Store }

func (readOnly) Update(context.Context, func(auth.Tx) error) error {
	return errors.New("a transaction for nothing")
}

func TestNothingToDoTakesNoLock(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	f, err := apply.Parse("f", []byte(customers))
	if err != nil {
		t.Fatal(err)
	}
	p, err := apply.Make(t.Context(), readOnly{w.store}, f, apply.Options{Keys: w.keys})
	if err != nil || !p.Empty() {
		t.Fatal(p, err)
	}
	if _, err := p.Execute(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is weak or of no use is told when it is set, and not each time.
func TestRemarks(t *testing.T) {
	w := newWorld(t)
	const file = `
tenants:
  - code: ACME
    keys:
      - {name: fifteen, secret: 123456789-12345}
      - {name: sixteen, secret: äöü456789-123456}
      - {name: late, expires: 2026-05-04T03:02:01Z}
      - {name: in-time, expires: 2026-05-04T03:02:02Z}
    users: [{name: seven, password: 123456-}, {name: eight, password: äöü4567-}]
`
	_, text := w.apply(file)
	if want := `+ tenant ACME
+ key ACME/fifteen
+ key ACME/sixteen
+ key ACME/late
+ key ACME/in-time
+ user ACME/seven
+ user ACME/eight
! key ACME/fifteen: its secret has fewer than 16 characters and may be guessed (state none to have one made)
! key ACME/late: has expired already, so nobody can log in with it
! user ACME/seven: the password has fewer than 8 characters and may be guessed
= 0 unchanged
`; text != want {
		t.Errorf("plan is\n%swant\n%s", text, want)
	}
	if _, text := w.apply(file); text != "= 7 unchanged\n" {
		t.Errorf("the second time\n%s", text)
	}
	_, text = w.apply(`tenants: [{code: ACME, keys: [{name: sixteen, secret: short}], users: [{name: eight, password: short}]}]`)
	if strings.Count(text, "! ") != 2 {
		t.Errorf("replaced by short ones:\n%s", text)
	}
}

// Each step stands on those before it.
func TestChange(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	for _, c := range []struct{ name, file, want string }{
		{"nothing mentioned", `tenants: [{code: ACME, keys: [{name: main}], users: [{name: ann}]}]`, "= 3 unchanged\n"},
		{"policy", `policies: {day: {span: 2d, uses: 3}}`, "~ policy day: span: 24h0m0s -> 48h0m0s, uses: 0 -> 3\n= 0 unchanged\n"},
		{"names", `tenants: [{code: ACME, name: Acme, organizations: [{number: 42, code: West}]}]`,
			"~ tenant ACME: name: none -> Acme\n~ organization ACME/42: code: none -> West\n= 0 unchanged\n"},
		{"number by code", `tenants: [{code: ACME, organizations: [{code: West, number: 43}]}]`,
			"~ organization ACME/43: number: 42 -> 43\n= 1 unchanged\n"},
		{"key", `tenants: [{code: ACME, keys: [{name: main, policy: "", networks: [192.0.2.1], expires: 2037-01-02}]}]`,
			"~ key ACME/main: policy: day -> none, networks: [] -> [192.0.2.1/32], expires: never -> 2037-01-02T00:00:00Z\n= 1 unchanged\n"},
		{"key back", `tenants: [{code: ACME, keys: [{name: main, networks: [], expires: never}]}]`,
			"~ key ACME/main: networks: [192.0.2.1/32] -> [], expires: 2037-01-02T00:00:00Z -> never\n= 1 unchanged\n"},
		{"secret", `tenants: [{code: ACME, keys: [{name: main, secret: third-secret-of-acme}]}]`, "~ key ACME/main: secret: replaced\n= 1 unchanged\n"},
		{"app", `tenants: [{code: ACME, organizations: [{number: 43, apps: [{key: app-1, disabled: true}]}]}]`,
			"~ app ACME/43/app-1: account: ACME -> 43, disabled: false -> true\n= 2 unchanged\n"},
		{"user", `tenants: [{code: ACME, organizations: [{number: 43, users: [{name: ann, password: new-password, admin: true, group: g, rights: -1, full_name: A B, display_name: A, email: a@b.example, policy: day, active: false}]}]}]`,
			"~ user ACME/ann: account: ACME -> 43, password: replaced, active: true -> false, admin: false -> true, group: none -> g, rights: 7 -> -1, " +
				"full_name: none -> A B, display_name: none -> A, email: none -> a@b.example, policy: none -> day\n= 2 unchanged\n"},
		{"hash for a password", `tenants: [{code: ACME, users: [{name: bob, password: bobs-password}]}]`,
			"~ user ACME/bob: account: D1 -> ACME, password: replaced\n= 1 unchanged\n"},
		{"old hash again", `tenants: [{code: ACME, users: [{name: bob, password_hash: "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}]}]`,
			"! user ACME/bob: password_hash is left aside, the stored one is stronger, as after a login (state password to set it)\n= 2 unchanged\n"},
		{"two documents", "policies: {week: {span: 1w}}\n---\ntenants: [{code: ACME, keys: [{name: main, policy: week}]}]",
			"+ policy week\n~ key ACME/main: policy: none -> week\n= 1 unchanged\n"},
		{"number of a tenant", `tenants: [{code: ACME, number: 5}]`, "~ tenant ACME: number: none -> 5\n= 0 unchanged\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, text := w.apply(c.file)
			if text != c.want {
				t.Errorf("plan is\n%swant\n%s", text, c.want)
			}
			if want := strings.Count("\n"+c.want, "\n~") + strings.Count("\n"+c.want, "\n+"); out.Changes != want {
				t.Errorf("%d changes, want %d", out.Changes, want)
			}
			_, again := w.apply(c.file)
			if strings.Contains(again, "~") || strings.Contains(again, "+") {
				t.Errorf("the second time\n%s", again)
			}
		})
	}
	if k := w.keyOf("third-secret-of-acme"); k.Policy != "week" {
		t.Errorf("key %+v", k)
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	ann := w.session(w.userOf("ann").ID)
	const file = `
policies: {day: {state: absent}}
tenants:
  - code: ACME
    state: absent
    keys: [{name: main, state: absent}, {name: never-was, state: absent}]
    apps: [{key: app-1, state: absent}]
    users: [{name: ann, state: absent}]
    organizations:
      - number: 42
        state: absent
        keys: [{name: main, state: absent}, {name: made, state: absent}]
        divisions: [{code: D1, state: absent, users: [{name: bob, state: absent}]}]
  - {code: NEVER-WAS, state: absent, users: [{name: x, state: absent}]}
`
	_, text := w.apply(file)
	if want := `- user ACME/bob
- division ACME/42/D1
- key ACME/42/main
- key ACME/42/made
- organization ACME/42
- key ACME/main
- app ACME/app-1
- user ACME/ann
- tenant ACME
- policy day
= 3 unchanged
`; text != want {
		t.Errorf("plan is\n%swant\n%s", text, want)
	}
	if w.alive(ann) {
		t.Error("the session of a removed user lives")
	}
	w.view(func(r auth.Reader) error {
		accounts, err := r.Accounts(0)
		policies, _ := r.Policies()
		if len(accounts)+len(policies) != 0 {
			t.Errorf("left: %v %v", accounts, policies)
		}
		return err
	})
	if out, _ := w.apply(file); out.Changes != 0 {
		t.Errorf("the second time: %+v", out)
	}
	// The secret of a removed key is free, within one file.
	w.apply(customers)
	_, text = w.apply(`tenants: [{code: ACME, keys: [{name: main, state: absent}, {name: renamed, secret: first-secret-of-acme}]}]`)
	if want := "- key ACME/main\n+ key ACME/renamed\n= 1 unchanged\n"; text != want {
		t.Errorf("plan is\n%swant\n%s", text, want)
	}
}

func TestSessionsEnd(t *testing.T) {
	for _, c := range []struct {
		name, file string
		reason     auth.EndReason // "": they live
		ended      int            // of one of the tenant's key, two of ann, one of the organization's key
	}{
		{"key disabled", `tenants: [{code: ACME, keys: [{name: main, disabled: true}]}]`, auth.EndDisabled, 1},
		{"key expired", `tenants: [{code: ACME, keys: [{name: main, expires: 2026-05-04T03:02:01Z}]}]`, auth.EndDisabled, 1},
		{"key expires later", `tenants: [{code: ACME, keys: [{name: main, expires: 2026-05-04T03:02:02Z}]}]`, "", 0},
		{"secret replaced", `tenants: [{code: ACME, keys: [{name: main, secret: other}]}]`, auth.EndRevoked, 1},
		{"user inactive", `tenants: [{code: ACME, users: [{name: ann, active: false}]}]`, auth.EndDisabled, 2},
		{"password changed", `tenants: [{code: ACME, users: [{name: ann, password: other}]}]`, auth.EndPassword, 2},
		{"password hash changed", `tenants: [{code: ACME, users: [{name: ann, password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dGFndGFndGFndGFndGFndGFndGFndGFndGFndGFndGE"}]}]`, auth.EndPassword, 2},
		{"password the same", `tenants: [{code: ACME, users: [{name: ann, password: ann-password, full_name: Ann}]}]`, "", 0},
		{"organization disabled", `tenants: [{code: ACME, organizations: [{number: 42, disabled: true}]}]`, auth.EndDisabled, 1},
		{"tenant disabled", `tenants: [{code: ACME, disabled: true}]`, auth.EndDisabled, 4},
		{"key removed", `tenants: [{code: ACME, keys: [{name: main, state: absent}]}]`, auth.EndDisabled, 1},
		{"user removed", `tenants: [{code: ACME, users: [{name: ann, state: absent}]}]`, auth.EndDisabled, 2},
		{"policy changed", `policies: {day: {span: 1s}}`, "", 0},
		{"renamed", `tenants: [{code: ACME, name: New}]`, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(customers)
			ann := w.userOf("ann").ID
			ids := []auth.SessionID{w.session(w.keyOf("first-secret-of-acme").ID), w.session(ann), w.session(ann), w.session(w.keyOf("second-secret-of-acme").ID)}
			out, _ := w.apply(c.file)
			alive := 0
			for _, id := range ids {
				if w.alive(id) {
					alive++
				}
			}
			if out.Ended != c.ended || alive != len(ids)-c.ended {
				t.Errorf("%d ended, %d of %d live, want %d ended", out.Ended, alive, len(ids), c.ended)
			}
			events := w.events()
			last := events[len(events)-1]
			if c.ended > 0 && (last.Kind != audit.Revocation || last.Reason != string(c.reason) || last.Count != c.ended || last.Actor != "op") {
				t.Errorf("last event %+v", last)
			}
			if c.ended == 0 && last.Kind != audit.Change {
				t.Errorf("last event %+v", last)
			}
			if out.Changes != 1 {
				t.Errorf("%d changes", out.Changes)
			}
		})
	}
}

// A secret made under an older key of the key set moves to the current one, and
// its sessions live on.
func TestPepper(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	before := w.session(w.keyOf("first-secret-of-acme").ID)
	rotated, err := w.keys.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	w.keys = rotated
	out, text := w.apply(customers)
	want := "~ key ACME/main: secret: digested under the current key set\n~ key ACME/42/main: secret: digested under the current key set\n= 8 unchanged\n"
	if text != want || out.Ended != 0 || !w.alive(before) {
		t.Errorf("%+v\n%s", out, text)
	}
	if k := w.keyOf("first-secret-of-acme"); k.Pepper != rotated.Pepper() {
		t.Errorf("key %+v", k)
	}
	// A secret that another key has under an older pepper is taken all the same.
	if rotated, err = rotated.Rotate(); err != nil {
		t.Fatal(err)
	}
	w.keys = rotated
	err = w.refused(`tenants: [{code: ACME, keys: [{name: other, secret: second-secret-of-acme}]}]`)
	if want := `f.yaml:1:53: tenants[0].keys[0].secret: is the secret of key ACME/42/main already: each key needs its own, in the whole server, because some clients send nothing else`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestAllOrNothing(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	p, _, err := w.plan(`
policies: {day: {state: absent}, new: {span: 1h}}
tenants: [{code: NEW, keys: [{name: k}], users: [{name: u, password: some-password}]}, {code: ACME, disabled: true, keys: [{name: main, policy: new}], users: [{name: ann, state: absent}]}]
`)
	if err != nil {
		t.Fatal(err)
	}
	// That somebody names the policy now is seen at the last step of all.
	w.apply(`tenants: [{code: ACME, users: [{name: bob, policy: day}]}]`)
	before := w.head()
	if _, err := p.Execute(t.Context()); !errors.Is(err, auth.ErrConflict) || !strings.Contains(err.Error(), "nothing was changed: - policy day: ") {
		t.Errorf("error %v", err)
	}
	if got := w.head(); got != before {
		t.Errorf("a failed file wrote: %s, before %s", got, before)
	}
	if w.userOf("ann").ID == 0 {
		t.Error("ann is gone")
	}
}

// A policy goes with, or after, the last who names it; comparing says so already.
func TestPolicyStillNamed(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	w.apply(`tenants: [{code: ACME, users: [{name: ann, policy: day}], organizations: [{number: 42, divisions: [{code: D1, users: [{name: bob, policy: day}]}]}]}]`)
	const rest = ": give another policy, or state: absent, to whatever names it, in this file too if you like"
	for file, want := range map[string]string{
		`policies: {day: {state: absent}}`: "key ACME/main and 2 more name it",
		"policies: {day: {state: absent}, new: {span: 1h}}\ntenants: [{code: ACME, keys: [{name: main, policy: new}], users: [{name: ann, state: absent}]}]": "user ACME/bob names it",
		"policies: {day: {state: absent}}\ntenants: [{code: ACME, keys: [{name: main, state: absent}], users: [{name: bob, policy: ''}, {name: ann}]}]":      "user ACME/ann names it",
	} {
		_, _, err := w.plan(file)
		if want := "f.yaml:1:25: policies.day.state: it cannot be removed while " + want + rest; !errors.Is(err, strict.ErrFile) || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%s\ngot  %v\nwant %s", file, err, want)
		}
	}
	out, text := w.apply("policies: {day: {state: absent}, new: {span: 1h}}\ntenants: [{code: ACME, keys: [{name: main, policy: new}], users: [{name: ann, state: absent}, {name: bob, policy: ''}]}]")
	if out.Changes != 5 || !strings.Contains(text, "- policy day\n") {
		t.Errorf("%+v\n%s", out, text)
	}
}

func TestChangedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct{ mine, theirs string }{
		"same field":        {`tenants: [{code: ACME, name: mine}]`, `tenants: [{code: ACME, name: theirs}]`},
		"created":           {`tenants: [{code: NEW}]`, `tenants: [{code: NEW}]`},
		"removed":           {`tenants: [{code: ACME, keys: [{name: main, disabled: true}]}]`, `tenants: [{code: ACME, keys: [{name: main, state: absent}]}]`},
		"password":          {`tenants: [{code: ACME, users: [{name: ann, password: mine}]}]`, `tenants: [{code: ACME, users: [{name: ann, password: theirs}]}]`},
		"password was mine": {`tenants: [{code: ACME, name: mine, users: [{name: ann, password: ann-password}]}]`, `tenants: [{code: ACME, users: [{name: ann, password: theirs}]}]`},
		"policy removed":    {"policies: {p: {span: 1d}}\ntenants: [{code: ACME, name: mine}]", `policies: {p: {span: 1d}}`},
		"policy unknown":    {`tenants: [{code: ACME, keys: [{name: new, policy: spare}]}]`, `policies: {spare: {state: absent}}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(customers)
			w.apply("policies: {spare: {span: 1d}}")
			p, _, err := w.plan(c.mine)
			if err != nil {
				t.Fatal(err)
			}
			w.apply(c.theirs)
			before := w.head()
			if _, err := p.Execute(t.Context()); !errors.Is(err, auth.ErrConflict) {
				t.Errorf("error %v", err)
			}
			if got := w.head(); got != before {
				t.Errorf("a stale plan wrote: %s, before %s", got, before)
			}
		})
	}
}

// flaky calls back in between, as a store may that could not commit.
type flaky struct{ *sqlite.Store }

func (f flaky) Update(ctx context.Context, do func(auth.Tx) error) error {
	once := errors.New("once")
	if err := f.Store.Update(ctx, func(tx auth.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return once
	}); !errors.Is(err, once) {
		return err
	}
	return f.Store.Update(ctx, do)
}

func TestTransactionCalledAgain(t *testing.T) {
	w := newWorld(t)
	f, err := apply.Parse("f", []byte(customers))
	if err != nil {
		t.Fatal(err)
	}
	p, err := apply.Make(t.Context(), flaky{w.store}, f, apply.Options{Keys: w.keys})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Execute(t.Context())
	if err != nil || out.Changes != 10 || len(out.Generated) != 1 || w.keyOf(out.Generated[0].Secret).Name != "made" {
		t.Errorf("%v %v", out, err)
	}
	if n := len(w.events()); n != 10 {
		t.Errorf("%d events", n)
	}
}

func TestRefusedByWhatThereIs(t *testing.T) {
	w := newWorld(t)
	w.apply(customers)
	w.apply("tenants: [{code: OTHER, number: 9, organizations: [{number: 42, code: O, keys: [{name: k, secret: other-secret}]}, {number: 43}], apps: [{key: app-2}]}]")
	before := w.head()
	for _, c := range []struct{ name, file, want string }{
		{"unknown policy", `tenants: [{code: ACME, keys: [{name: k, policy: dya}]}]`, `f.yaml:1:49: tenants[0].keys[0].policy: there is no such policy, did you mean "day"?`},
		{"no policy near", `tenants: [{code: ACME, users: [{name: k, policy: xyzzy}]}]`, `f.yaml:1:50: tenants[0].users[0].policy: there is no such policy: define it under policies, or use one of day`},
		{"policy that goes", "policies: {day: {state: absent}}\ntenants: [{code: ACME, keys: [{name: k, policy: day}]}]", `f.yaml:2:49: tenants[0].keys[0].policy: there is no such policy: define it under policies`},
		{"secret of another", `tenants: [{code: ACME, keys: [{name: k, secret: other-secret}]}]`, `f.yaml:1:49: tenants[0].keys[0].secret: is the secret of key OTHER/42/k already: each key needs its own, in the whole server, because some clients send nothing else`},
		{"app of another tenant", `tenants: [{code: ACME, apps: [{key: app-2}]}]`, `f.yaml:1:37: tenants[0].apps[0].key: is an app of another tenant: application keys are unique`},
		{"moved account", `tenants: [{code: ACME, organizations: [{code: D1}]}]`, `f.yaml:1:40: tenants[0].organizations[0]: there is such an account elsewhere in the tenant, as a division: accounts cannot be moved`},
		{"moved below a new one", `tenants: [{code: ACME, organizations: [{code: N, divisions: [{code: D1}]}]}]`, `f.yaml:1:62: tenants[0].organizations[0].divisions[0]: there is such an account elsewhere in the tenant, as a division: accounts cannot be moved`},
		{"code and number of two", `tenants: [{code: OTHER, organizations: [{code: O, number: 43}]}]`, `f.yaml:1:59: tenants[0].organizations[0].number: is the number of another account of the tenant: state the right one of code and number`},
		{"number of the tenant", `tenants: [{code: OTHER, organizations: [{number: 9}]}]`, `f.yaml:1:41: tenants[0].organizations[0]: there is such an account elsewhere in the tenant, as a tenant: accounts cannot be moved`},
		{"removed but full", `tenants: [{code: ACME, organizations: [{number: 42, state: absent, keys: [{name: main, state: absent}]}]}]`, `f.yaml:1:60: tenants[0].organizations[0].state: it cannot be removed while it holds more than the file removes (it has 2 keys, 0 users, 0 apps and 1 account below it): list them here with state: absent as well`},
		{"user elsewhere removed", `tenants: [{code: ACME, organizations: [{number: 42, users: [{name: bob, state: absent}]}]}]`, `f.yaml:1:68: tenants[0].organizations[0].users[0].name: is a user of another account of the tenant: list it there`},
		{"two at once", `tenants: [{code: ACME, keys: [{name: k, policy: dya}, {name: l, policy: yad}]}]`, "f.yaml:1:49: tenants[0].keys[0].policy: there is no such policy, did you mean \"day\"?\n" +
			`f.yaml:1:73: tenants[0].keys[1].policy: there is no such policy: define it under policies, or use one of day`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := w.refused(c.file)
			if !errors.Is(err, strict.ErrFile) {
				t.Fatalf("error %v", err)
			}
			if got := strings.TrimPrefix(err.Error(), "comparing the file with what there is: "); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
	if got := w.head(); got != before {
		t.Errorf("refused files wrote: %s, before %s", got, before)
	}
}
