package apply

import "github.com/sallyport/sallyport/auth"

func (w *walk) members(in *account, at *node) {
	keys := w.keys(in, at)
	for i := range in.Keys {
		if k := &in.Keys[i]; k.State != absent {
			w.key(k, keys[k.Name], at)
		}
	}
	for i := range in.Apps {
		if a := &in.Apps[i]; a.State != absent {
			w.app(a, at)
		}
	}
	for i := range in.Users {
		if u := &in.Users[i]; u.State != absent {
			w.user(u, at)
		}
	}
}

// keys are the stored keys of an account by name.
func (w *walk) keys(in *account, at *node) map[string]*auth.Key {
	if !at.stored() || len(in.Keys) == 0 {
		return nil
	}
	list, err := w.r.Keys(at.rec.ID)
	w.found(err)
	keys := make(map[string]*auth.Key, len(list))
	for i := range list {
		keys[list[i].Name] = &list[i]
	}
	return keys
}

func (w *walk) app(in *app, at *node) {
	rec, err := w.r.App(in.Key)
	there := w.found(err)
	s := &step{what: "app", path: at.path + "/" + in.Key, event: at.event(in.Key)}
	if there {
		w.moved(s, rec.Account, at, func() { w.errs.Add(in.Errorf("key", "is an app of another tenant: application keys are unique")) })
	} else {
		rec = auth.App{Key: in.Key}
	}
	stated(s, in.Mark, "name", &rec.Name, in.Name)
	stated(s, in.Mark, "disabled", &rec.Disabled, in.Disabled)
	s.do = func(tx auth.Tx) error {
		rec.Account = at.rec.ID
		return tx.PutApp(&rec)
	}
	w.add(&w.put, s, there)
}

// moved notes that an entry comes from another account of the tenant.
func (w *walk) moved(s *step, from auth.AccountID, to *node, elsewhere func()) {
	if from == to.rec.ID {
		return
	}
	a, err := w.r.Account(from)
	switch {
	case !w.found(err):
	case a.Tenant != to.tenant.rec.ID:
		elsewhere()
	default:
		s.notes = append(s.notes, "account: "+a.Ref()+" -> "+to.rec.Ref())
	}
}

// removeMembers lists the keys, apps and users that are to be removed.
func (w *walk) removeMembers(in *account, at *node) {
	keys := w.keys(in, at)
	for i := range in.Keys {
		k := &in.Keys[i]
		if k.State != absent {
			continue
		}
		rec := keys[k.Name]
		if s := w.removeOne(rec != nil, "key", k.Name, at, at, func(tx auth.Tx) error { return tx.DeleteKey(rec.ID) }); s != nil {
			s.why, s.end = auth.EndDisabled, func() auth.End { return auth.End{Principal: rec.ID} }
			w.goneKeys[rec.ID], w.freed[rec.ID] = true, true
		}
	}
	for i := range in.Apps {
		a := &in.Apps[i]
		if a.State != absent {
			continue
		}
		rec, err := w.r.App(a.Key)
		there := w.found(err)
		if there && rec.Account != at.rec.ID {
			w.errs.Add(a.Errorf("key", "is an app of another account: list it there"))
		}
		w.removeOne(there, "app", a.Key, at, at, func(tx auth.Tx) error { return tx.DeleteApp(rec.Key) })
	}
	for i := range in.Users {
		u := &in.Users[i]
		if u.State != absent {
			continue
		}
		rec, err := w.r.UserByName(at.tenant.rec.ID, u.Name)
		there := w.found(err)
		if there && rec.Account != at.rec.ID {
			w.errs.Add(u.Errorf("name", "is a user of another account of the tenant: list it there"))
		}
		if s := w.removeOne(there, "user", u.Name, at, at.tenant, func(tx auth.Tx) error { return tx.DeleteUser(rec.ID) }); s != nil {
			s.why, s.end = auth.EndDisabled, func() auth.End { return auth.End{Principal: rec.ID} }
			w.freed[rec.ID] = true
		}
	}
}

// removeOne lists the step that removes an entry, and returns it; nil if there
// is none to remove.
func (w *walk) removeOne(there bool, what, name string, at, under *node, do func(auth.Tx) error) *step {
	if !there {
		w.same++
		return nil
	}
	w.goneCount[at.rec.ID]++
	s := &step{sign: "-", what: what, path: under.path + "/" + name, event: at.event(name), do: do}
	w.remove = append(w.remove, s)
	return s
}
