package apply

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

func (w *walk) allPolicies() {
	known, err := w.r.Policies()
	w.found(err)
	stored := map[string]auth.Policy{}
	for _, p := range known {
		stored[p.Name], w.policies[p.Name] = p, true
	}
	for i := range w.p.file.policies {
		in := &w.p.file.policies[i]
		old, there := stored[in.name]
		w.policies[in.name] = in.State != absent
		s := &step{what: "policy", path: in.name, event: audit.Event{Subject: in.name}}
		switch {
		case in.State != absent:
			next := in.Auth(in.name)
			if there {
				note(s, "span", &old.Span, next.Span)
				note(s, "idle", &old.Idle, next.Idle)
				note(s, "uses", &old.Uses, next.Uses)
				note(s, "expire_on_new", &old.ExpireOnNew, next.ExpireOnNew)
				note(s, "never", &old.Never, next.Never)
			}
			s.do = func(tx auth.Tx) error { return tx.PutPolicy(&next) }
			w.add(&w.define, s, there)
		case there:
			s.sign, s.do = "-", func(tx auth.Tx) error { return tx.DeletePolicy(in.name) }
			w.undefine = append(w.undefine, s)
			w.undo[in.name] = in
		default:
			w.same++
		}
	}
}

// choose sets the policy that an entry names.
func (w *walk) choose(m strict.Mark, s *step, id auth.PrincipalID, field *string, name string) {
	was := *field
	stated(s, m, "policy", field, name)
	w.freed[id] = *field != was
	w.policy(m, name)
}

// policy checks a policy that an entry names.
func (w *walk) policy(m strict.Mark, name string) {
	if name == "" || w.policies[name] {
		return
	}
	var names []string
	for _, n := range slices.Sorted(maps.Keys(w.policies)) {
		if w.policies[n] {
			names = append(names, n)
		}
	}
	what := "there is no such policy"
	switch near := strict.Near(name, names); {
	case near != "":
		what += fmt.Sprintf(", did you mean %q?", near)
	case len(names) == 0:
		what += ": define it under policies"
	default:
		what += ": define it under policies, or use one of " + strings.Join(names[:min(len(names), 10)], ", ")
	}
	w.errs.Add(m.Errorf("policy", "%s", what))
}

// stillNamed finds keys and users that would go on naming a policy that is
// removed, anywhere in the store. That looks at every account, so it is no part
// of the transaction: there the store itself refuses.
func (w *walk) stillNamed() error {
	if len(w.undo) == 0 {
		return nil
	}
	named := map[string]*holders{}
	w.collect(0, "", named)
	if w.broken != nil {
		return w.broken
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		w.errs.Add(w.undo[name].Errorf("state", "it cannot be removed while %s: give another policy, or state: absent, "+
			"to whatever names it, in this file too if you like", named[name]))
	}
	return w.errs.Err()
}

// holders are the keys and users that name one policy.
type holders struct {
	first string
	count int
}

func (h *holders) String() string {
	if h.count == 1 {
		return h.first + " names it"
	}
	return fmt.Sprintf("%s and %d more name it", h.first, h.count-1)
}

// collect finds who names a policy that is removed, below an account.
func (w *walk) collect(parent auth.AccountID, path string, named map[string]*holders) {
	note := func(id auth.PrincipalID, policy, what, path, name string) {
		if w.undo[policy] == nil || w.freed[id] {
			return
		}
		if named[policy] == nil {
			named[policy] = &holders{first: what + " " + path + "/" + name}
		}
		named[policy].count++
	}
	accounts, err := w.r.Accounts(parent)
	w.found(err)
	for i := range accounts {
		a := &accounts[i]
		at, tenant := path+"/"+a.Ref(), strings.Split(path+"/", "/")[0]
		if parent == 0 {
			at, tenant = a.Code, a.Code
		}
		keys, err := w.r.Keys(a.ID)
		w.found(err)
		for _, k := range keys {
			note(k.ID, k.Policy, "key", at, k.Name)
		}
		users, err := w.r.Users(a.ID)
		w.found(err)
		for _, u := range users {
			note(u.ID, u.Policy, "user", tenant, u.Name)
		}
		w.collect(a.ID, at, named)
	}
}
