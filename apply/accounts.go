package apply

import (
	"fmt"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// node is an account of the file and its record, which gets its ID from the
// transaction if it is new.
type node struct {
	rec    *auth.Account
	tenant *node
	path   string
}

func newNode(rec *auth.Account, parent *node) *node {
	n := &node{rec: rec, path: rec.Code}
	n.tenant = n
	if parent != nil {
		n.tenant, n.path = parent.tenant, parent.path+"/"+rec.Ref()
	}
	return n
}

// stored says whether the record was in the store before.
func (n *node) stored() bool { return n.rec.ID != 0 }

func (n *node) event(subject string) audit.Event {
	return audit.Event{Tenant: n.tenant.rec.Code, Account: n.rec.Ref(), Subject: subject}
}

// find looks an account up, once: a tenant by its code, another by its code,
// else its number. nil: there is none.
func (w *walk) find(in *account, level auth.Level, parent *node) *auth.Account {
	if rec, done := w.looked[in]; done {
		return rec
	}
	rec := w.lookUp(in, parent)
	if rec != nil && parent != nil && (rec.Level != level || rec.Parent != parent.rec.ID) {
		w.errs.Add(in.Errorf("", "there is such an account elsewhere in the tenant, as %s %s: accounts cannot be moved",
			article(rec.Level), rec.Level))
		rec = nil
	}
	w.looked[in] = rec
	return rec
}

func (w *walk) lookUp(in *account, parent *node) *auth.Account {
	if parent == nil {
		return one(w, w.r.AccountByCode, 0, in.Code)
	}
	tenant := parent.tenant.rec.ID
	if tenant == 0 { // the tenant is new, and 0 would mean any
		return nil
	}
	var byCode, byNumber *auth.Account
	if in.Code != "" {
		byCode = one(w, w.r.AccountByCode, tenant, in.Code)
	}
	if in.Number != 0 {
		byNumber = one(w, w.r.AccountByNumber, tenant, in.Number)
	}
	if byCode != nil && byNumber != nil && byCode.ID != byNumber.ID {
		w.errs.Add(in.Errorf("number", "is the number of another account of the tenant: state the right one of code and number"))
	}
	if byCode == nil {
		return byNumber
	}
	return byCode
}

// one is what a look-up finds, or nil.
func one[N any](w *walk, by func(auth.AccountID, N) (auth.Account, error), tenant auth.AccountID, name N) *auth.Account {
	a, err := by(tenant, name)
	if !w.found(err) {
		return nil
	}
	return &a
}

func (w *walk) account(in *account, level auth.Level, parent *node) {
	if in.State == absent {
		return // see removeAccount
	}
	rec := w.find(in, level, parent)
	there := rec != nil
	if !there {
		rec = &auth.Account{Level: level}
	}
	s := &step{what: level.String()}
	wasOn := there && !rec.Disabled
	stated(s, in.Mark, "code", &rec.Code, in.Code)
	if there && rec.Number == 0 && in.Has("number") {
		s.notes, rec.Number = append(s.notes, "number: none -> "+show(in.Number)), in.Number
	}
	stated(s, in.Mark, "number", &rec.Number, in.Number)
	stated(s, in.Mark, "name", &rec.Name, in.Name)
	stated(s, in.Mark, "disabled", &rec.Disabled, in.Disabled)
	n := newNode(rec, parent)
	s.path, s.event = n.path, n.event("")
	s.do = func(tx auth.Tx) error {
		if parent != nil {
			rec.Parent, rec.Tenant = parent.rec.ID, parent.tenant.rec.ID
		}
		return rec.Put(tx, w.now)
	}
	if wasOn && rec.Disabled {
		s.why, s.end = auth.EndDisabled, func() auth.End { return auth.End{Account: rec.ID} }
	}
	w.add(&w.put, s, there)
	w.members(in, n)
	for i := range in.Organizations {
		w.account(&in.Organizations[i], auth.Organization, n)
	}
	for i := range in.Divisions {
		w.account(&in.Divisions[i], auth.Division, n)
	}
}

// removeAccount lists what is to be removed from an account, from below, and
// the account itself if the file says so.
func (w *walk) removeAccount(in *account, parent *node) {
	level := auth.Tenant
	if parent != nil {
		level = parent.rec.Level + 1
	}
	if countAbsent(in) == 0 {
		return
	}
	rec := w.find(in, level, parent)
	if rec == nil {
		w.same += countAbsent(in)
		return
	}
	n := newNode(rec, parent)
	for _, below := range [][]account{in.Organizations, in.Divisions} {
		for i := range below {
			w.removeAccount(&below[i], n)
		}
	}
	w.removeMembers(in, n)
	if in.State != absent {
		return
	}
	if left := w.left(n); left != "" {
		w.errs.Add(in.Errorf("state", "it cannot be removed while it holds %s: list them here with state: absent as well", left))
		return
	}
	if parent != nil {
		w.goneCount[parent.rec.ID]++
	}
	w.remove = append(w.remove, &step{sign: "-", what: level.String(), path: n.path, event: n.event(""),
		do: func(tx auth.Tx) error { return tx.DeleteAccount(rec.ID) }})
}

// countAbsent counts the entries with state: absent, the account itself and what
// is below it included.
func countAbsent(in *account) (n int) {
	count := func(state string) {
		if state == absent {
			n++
		}
	}
	count(in.State)
	for i := range in.Keys {
		count(in.Keys[i].State)
	}
	for i := range in.Apps {
		count(in.Apps[i].State)
	}
	for i := range in.Users {
		count(in.Users[i].State)
	}
	for i := range in.Organizations {
		n += countAbsent(&in.Organizations[i])
	}
	for i := range in.Divisions {
		n += countAbsent(&in.Divisions[i])
	}
	return n
}

// left says what remains in an account after what is removed.
func (w *walk) left(n *node) string {
	keys, err := w.r.Keys(n.rec.ID)
	w.found(err)
	users, err := w.r.Users(n.rec.ID)
	w.found(err)
	apps, err := w.r.Apps(n.rec.ID)
	w.found(err)
	below, err := w.r.Accounts(n.rec.ID)
	w.found(err)
	if len(keys)+len(users)+len(apps)+len(below) == w.goneCount[n.rec.ID] {
		return ""
	}
	return fmt.Sprintf("more than the file removes (it has %s, %s, %s and %s below it)",
		plural(len(keys), "key"), plural(len(users), "user"), plural(len(apps), "app"), plural(len(below), "account"))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
