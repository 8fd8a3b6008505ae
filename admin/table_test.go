package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// An auditor reads everything and changes nothing, by any operation of the table. That
// the samples would change something is shown by an owner.
func TestAuditorChangesNothing(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.state()
	for _, who := range []string{auditorAll, auditorWest} {
		for _, op := range api.Operations() {
			status, body := k.ask(who, op, sample(op, k.inside()))
			want := http.StatusForbidden
			if op.Right == api.Read && (op.Name != "audit verify" || who == auditorAll) {
				want = http.StatusOK
			}
			if status != want {
				t.Errorf("%s as %s: %d, want %d\n%s", op.Name, who, status, want, body)
			}
			if now := k.state(); now != before {
				t.Fatalf("%s as %s has changed\n%s\nto\n%s", op.Name, who, before, now)
			}
		}
	}
	for _, op := range api.Operations() {
		k := newKit(t)
		before := k.state()
		status, body := k.ask(ownerAll, op, sample(op, k.inside()))
		wantChange := op.Right == api.Write
		if op.Name == "policy delete" || op.Name == "account delete" {
			continue // shown elsewhere: something stands in the way here, or not
		}
		if status != op.Status() || (k.state() != before) != wantChange {
			t.Errorf("%s as an owner: %d, changed something: %v\n%s", op.Name, status, k.state() != before, body)
		}
	}
}

// Those who have no such role get nowhere.
func TestOthersGetNowhere(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.state()
	for _, op := range api.Operations() {
		for _, who := range []string{verifierAll} { // failures of the client's would lock its account
			status, body := k.ask(who, op, sample(op, k.inside()))
			if status != http.StatusUnauthorized && status != http.StatusTooManyRequests {
				t.Errorf("%s as %s: %d %s", op.Name, who, status, body)
			}
		}
	}
	if got := k.state(); !strings.HasPrefix(got, before[:strings.LastIndex(before, "[{ID:")]) {
		t.Errorf("somebody without a role changed\n%s\nto\n%s", before, got)
	}
}

// A role that does not reach everywhere sees nothing and changes nothing outside of
// its account and those below it, by any operation of the table.
func TestNothingOutsideIsSeenOrChanged(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.state()
	for _, who := range []string{operatorWest, operatorAcme, ownerAcme, auditorWest} {
		for _, op := range api.Operations() {
			in := sample(op, k.outside())
			status, body := k.ask(who, op, in)
			// Errors repeat what was asked for by name; what else they say is looked at.
			if strings.Contains(strings.ReplaceAll(body, "OUTSIDE-app", ""), "OUTSIDE") {
				t.Errorf("%s as %s shows what is outside: %d %s", op.Name, who, status, body)
			}
			if op.Right == api.Write && status < 400 && op.Name != "lock lift" {
				t.Errorf("%s as %s: %d %s", op.Name, who, status, body)
			}
			if now := k.state(); now != before {
				t.Fatalf("%s as %s has changed\n%s\nto\n%s", op.Name, who, before, now)
			}
		}
		for op, in := range map[*api.Operation]any{
			&api.AccountList.Operation: api.AccountQuery{}, &api.KeyList.Operation: api.MemberQuery{}, &api.UserList.Operation: api.UserQuery{},
			&api.AppList.Operation: api.MemberQuery{}, &api.SessionList.Operation: api.SessionQuery{}, &api.LockList.Operation: api.LockQuery{Failures: true},
			&api.AuditSearch.Operation: api.AuditQuery{}, &api.AuditExport.Operation: api.AuditRange{}, &api.UsageList.Operation: api.UsageQuery{},
			&api.ServerShow.Operation: api.Nothing{},
		} {
			status, body := k.ask(who, op, in)
			// The audit repeats it too, of who asked.
			body = strings.ReplaceAll(body, `"detail":"app \"OUTSIDE-app\": not found"`, "")
			if status != http.StatusOK || strings.Contains(body, "OUTSIDE") || strings.Contains(body, `"900"`) {
				t.Errorf("%s of everything, as %s: %d %s", op.Name, who, status, body)
			}
			if _, all := k.ask(auditorAll, op, in); !strings.Contains(all, "OUTSIDE") && !strings.Contains(all, `"900"`) {
				t.Errorf("%s as an auditor everywhere does not show what is there: %s", op.Name, all)
			}
			if op.Name != "app list" && op.Name != "policy list" && who == operatorWest && !strings.Contains(body, "WEST") && !strings.Contains(body, `"100"`) && !strings.Contains(body, `anna`) {
				t.Errorf("%s as %s does not show its own: %s", op.Name, who, body)
			}
		}
	}
	// What is above is outside too.
	for _, in := range []any{api.AccountChange{ID: k.acme, Name: new("Mine")}, api.AccountChange{ID: k.other, Disabled: new(true)}} {
		if status, body := k.ask(operatorWest, &api.AccountUpdate.Operation, in); status != http.StatusNotFound {
			t.Errorf("changing %+v: %d %s", in, status, body)
		}
	}
}

// Not found is one answer, whether something is outside or nowhere.
func TestOutsideLooksLikeNowhere(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	there, nowhere := k.outside(), target{account: 1 << 40, parent: 1 << 40, key: 1 << 40, user: 1 << 40, session: 1 << 40, app: "OUTSIDE-nil", lock: "900"}
	digits := strings.NewReplacer("0", "", "1", "", "2", "", "3", "", "4", "", "5", "", "6", "", "7", "", "8", "", "9", "", "OUTSIDE-nil", "OUTSIDE-app")
	for _, op := range api.Operations() {
		if strings.HasPrefix(op.Name, "audit") || op.Name == "app create" {
			continue
		}
		s1, b1 := k.ask(operatorWest, op, sample(op, there))
		s2, b2 := k.ask(operatorWest, op, sample(op, nowhere))
		if s1 != s2 || (s1 >= 400 && digits.Replace(b1) != digits.Replace(b2)) {
			t.Errorf("%s: outside %d %s, nowhere %d %s", op.Name, s1, b1, s2, b2)
		}
	}
}

// Every change leaves an event that says who, what and why, and no secret; every
// refused operation leaves one too.
func TestEveryChangeIsRecorded(t *testing.T) {
	t.Parallel()
	for _, op := range api.Operations() {
		if op.Right != api.Write {
			continue
		}
		k := newKit(t)
		in := sample(op, k.inside())
		if op.Name == "account delete" {
			in = api.Removal{ID: k.emptyAccount(), NoteGone: api.NoteGone{Why: "because of ticket 7"}}
		}
		n := len(k.events())
		status, body := k.ask(operatorAll, op, in)
		events := k.events()[n:]
		if status != op.Status() || len(events) != 1 {
			t.Errorf("%s: %d, %d events\n%s", op.Name, status, len(events), body)
			continue
		}
		e := events[0]
		if e.Actor != "900/OUTSIDE "+operatorAll || !strings.Contains(e.Detail, "because of ticket 7") || e.Request != "req-1" || e.Source != home.String() {
			t.Errorf("%s: recorded %+v", op.Name, e)
		}
		if e.Kind != audit.Revocation && (e.Kind != audit.Change || e.Reason != op.Name) {
			t.Errorf("%s: recorded as %s, %s", op.Name, e.Kind, e.Reason)
		}
		n = len(k.events())
		k.ask(auditorAll, op, in)
		events = k.events()[n:]
		if len(events) != 1 || events[0].Kind != audit.Refusal || events[0].Reason != op.Name || events[0].Actor != "900/OUTSIDE "+auditorAll {
			t.Errorf("%s, refused: recorded %+v", op.Name, events)
		}
		k.wantNoSecrets(body)
	}
}

// wantNoSecrets looks through the audit and the log for what must not be there.
func (k *kit) wantNoSecrets(answer string) {
	k.Helper()
	hidden := []string{"a-password-to-be-hidden", "$argon2id"}
	for _, s := range k.secrets {
		hidden = append(hidden, s)
	}
	if _, rest, ok := strings.Cut(answer, `"secret":"`); ok {
		s, _, _ := strings.Cut(rest, `"`)
		hidden = append(hidden, s)
	}
	batches, err := k.store.Store.Audit(k.Context(), 0, 10_000)
	if err != nil {
		k.Fatal(err)
	}
	text := k.log.String()
	for i := range batches {
		text += string(batches[i].Body)
	}
	for _, s := range hidden {
		if strings.Contains(text, s) {
			k.Errorf("the secret %q is in the audit or the log", s)
		}
	}
}

func (k *kit) emptyAccount() int64 {
	k.Helper()
	a, err := k.as(ownerAll).AccountCreate(k.Context(), api.NewAccount{Parent: k.west, Code: "EMPTY"})
	if err != nil {
		k.Fatal(err)
	}
	return a.ID
}

// The table is bound whole, names and paths are there once, and the owner in process
// needs no secret.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, op := range api.Operations() {
		if seen[op.Name] || seen[op.Method+op.Path] || op.Summary == "" || (op.Right != api.Read && op.Right != api.Write) {
			t.Errorf("%+v is there twice or not whole", op)
		}
		seen[op.Name], seen[op.Method+op.Path] = true, true
		if (op.Method == http.MethodGet) != (op.Right == api.Read) {
			t.Errorf("%s is a %s that needs the right to %s", op.Name, op.Method, op.Right)
		}
		if sample(op, target{}) == nil {
			t.Errorf("%s has no sample", op.Name)
		}
	}
	if got := admin.LocalOwner("root"); got.Role != "owner" || !got.Everywhere {
		t.Errorf("the local owner is %+v", got)
	}
}

// Whoever calls the operations without the API is held to the rights all the same.
func TestRightsWithoutTheAPI(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	from := auth.Origin{Source: home}
	for _, role := range auth.Roles() {
		by := &auth.Caller{Identity: &auth.Identity{Subject: "x", Role: role, Everywhere: true}}
		_, reads := k.admin.ServerShow(t.Context(), by, from, api.Nothing{})
		_, writes := k.admin.AppCreate(t.Context(), by, from, api.NewApp{Key: "app of a " + string(role), Account: k.west})
		if (reads == nil) != role.Administers() || (writes == nil) != (role == auth.Operator || role == auth.Owner) {
			t.Errorf("%q: reads %v, writes %v", role, reads, writes)
		}
		for _, err := range []error{reads, writes} {
			if err != nil && !errors.Is(err, admin.ErrForbidden) {
				t.Errorf("%q: %v", role, err)
			}
		}
	}
	for _, by := range []*auth.Caller{nil, {}} {
		if _, err := k.admin.ServerShow(t.Context(), by, from, api.Nothing{}); !errors.Is(err, admin.ErrForbidden) {
			t.Errorf("nobody: %v", err)
		}
	}
}
