package apply

import (
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

func (w *walk) user(in *user, at *node) {
	rec := auth.User{Name: in.Name, Active: in.Active}
	there := false
	if tenant := at.tenant.rec.ID; tenant != 0 { // 0 would mean any
		if stored, err := w.r.UserByName(tenant, in.Name); w.found(err) {
			rec, there = stored, true
		}
	}
	s := &step{what: "user", path: at.tenant.path + "/" + in.Name, event: at.event(in.Name)}
	if there {
		w.moved(s, rec.Account, at, func() {})
	}
	couldLogIn := there && rec.Active && rec.Role.LogsIn()
	had := rec.Password != ""
	changed := w.password(in, &rec, s, there)
	stated(s, in.Mark, "active", &rec.Active, in.Active)
	stated(s, in.Mark, "admin", &rec.Admin, in.Admin)
	stated(s, in.Mark, "group", &rec.Group, in.Group)
	stated(s, in.Mark, "rights", &rec.Rights, in.Rights)
	stated(s, in.Mark, "full_name", &rec.FullName, in.FullName)
	stated(s, in.Mark, "display_name", &rec.DisplayName, in.DisplayName)
	stated(s, in.Mark, "email", &rec.Email, in.Email)
	power(s, in.Mark, &rec.Role, &rec.Everywhere, in.Role, in.Everywhere)
	w.choose(in.Mark, s, rec.ID, &rec.Policy, in.Policy)
	switch end := func() auth.End { return auth.End{Principal: rec.ID} }; {
	case couldLogIn && (!rec.Active || !rec.Role.LogsIn()):
		s.why, s.end = auth.EndDisabled, end
	case changed && there && had:
		s.why, s.end = auth.EndPassword, end
	}
	s.do = func(tx auth.Tx) error {
		rec.Tenant, rec.Account = at.tenant.rec.ID, at.rec.ID
		return rec.Put(tx, w.now)
	}
	w.add(&w.put, s, there)
}

// password sets the user's hash, and says whether it changed.
func (w *walk) password(in *user, rec *auth.User, s *step, there bool) bool {
	switch {
	case in.Has("password_hash"):
		if rec.Password == in.PasswordHash {
			return false
		}
		if rec.Password != "" && !secret.NeedsRehash(rec.Password) && secret.NeedsRehash(in.PasswordHash) {
			w.remark("user %s: password_hash is left aside, the stored one is stronger, as after a login (state password to set it)", s.path)
			return false
		}
		rec.Password = in.PasswordHash
	case in.Has("password"):
		v := verdict{in, rec.Password}
		same, judged := w.p.verdicts[v]
		switch {
		case there && rec.Password != "" && !judged:
			w.pending = append(w.pending, v)
			return false
		case same:
			return false
		}
		if utf8.RuneCountInString(in.Password) < shortPassword {
			w.remark("user %s: the password has fewer than %d characters and may be guessed", s.path, shortPassword)
		}
		w.hash = append(w.hash, in)
		rec.Password = w.p.hashes[in]
	default:
		return false
	}
	s.notes = append(s.notes, "password: replaced")
	return true
}
