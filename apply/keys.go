package apply

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
)

// Shorter ones are remarked upon, in characters. Secrets and passwords that were
// brought along cannot be refused for it.
const (
	shortSecret   = 16
	shortPassword = 8
)

// key compares an API key; rec is the stored one, or nil.
func (w *walk) key(in *key, rec *auth.Key, at *node) {
	there := rec != nil
	if !there {
		rec = &auth.Key{Name: in.Name, Created: w.now}
	}
	s := &step{what: "key", path: at.path + "/" + in.Name, event: at.event(in.Name)}
	couldLogIn := there && open(rec, w.now)
	replaced := w.secret(in, rec, at, s, there)
	w.choose(in.Mark, s, rec.ID, &rec.Policy, in.Policy)
	if in.Has("networks") && !slices.Equal(rec.Networks, in.Networks) {
		s.notes = append(s.notes, "networks: "+show(rec.Networks)+" -> "+show(in.Networks))
		rec.Networks = in.Networks
	}
	if in.Has("expires") && !rec.Expires.Equal(in.Expires.at) {
		s.notes = append(s.notes, "expires: "+when(rec.Expires)+" -> "+when(in.Expires.at))
		rec.Expires = in.Expires.at
	}
	stated(s, in.Mark, "disabled", &rec.Disabled, in.Disabled)
	power(s, in.Mark, &rec.Role, &rec.Everywhere, in.Role, in.Everywhere)
	if !there && !rec.Expires.IsZero() && !w.now.Before(rec.Expires) {
		w.remark("key %s: has expired already, so nobody can log in with it", s.path)
	}
	switch end := func() auth.End { return auth.End{Principal: rec.ID} }; {
	case couldLogIn && !open(rec, w.now):
		s.why, s.end = auth.EndDisabled, end
	case replaced:
		s.why, s.end = auth.EndRevoked, end
	}
	s.do = func(tx auth.Tx) error {
		rec.Account = at.rec.ID
		return tx.PutKey(rec)
	}
	w.add(&w.put, s, there)
}

// power compares the role of a key or user. Without one, nothing is left of its
// reach.
func power(s *step, m strict.Mark, role *auth.Role, everywhere *bool, name string, reach bool) {
	stated(s, m, "role", role, auth.Role(name))
	stated(s, m, "everywhere", everywhere, reach)
	if *role == auth.Client {
		*everywhere = false
	}
}

// open says whether a key can log in from somewhere.
func open(k *auth.Key, now time.Time) bool {
	return !k.Disabled && k.Role.LogsIn() && (k.Expires.IsZero() || now.Before(k.Expires))
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// secret sets the key's digest, and says whether the secret of a key that was
// there is replaced.
func (w *walk) secret(in *key, rec *auth.Key, at *node, s *step, there bool) (replaced bool) {
	if !in.Has("secret") {
		if there {
			return false
		}
		w.generate = append(w.generate, wanted{in, at.path})
		if made := w.p.secrets[in]; made != "" {
			rec.Digest, rec.Pepper = w.p.o.Keys.KeyDigest(made), w.p.o.Keys.Pepper()
		}
		return false
	}
	keys := w.p.o.Keys
	stored, ok := keys.KeyDigestUnder(rec.Pepper, in.Secret)
	same := there && ok && stored.Equal(rec.Digest)
	if same && !keys.Older(rec.Pepper) {
		return false
	}
	w.secretFree(in, rec.ID)
	rec.Digest, rec.Pepper = keys.KeyDigest(in.Secret), keys.Pepper()
	if same {
		s.notes = append(s.notes, "secret: digested under the current key set")
		return false
	}
	s.notes = append(s.notes, "secret: replaced")
	if utf8.RuneCountInString(in.Secret) < shortSecret {
		w.remark("key %s: its secret has fewer than %d characters and may be guessed (state none to have one made)", s.path, shortSecret)
	}
	return there
}

// secretFree finds a secret that another key has, under any pepper.
func (w *walk) secretFree(in *key, self auth.PrincipalID) {
	keys := w.p.o.Keys
	for i := range keys.Len() {
		d, _ := keys.KeyDigestAt(i, in.Secret)
		other, err := w.r.KeyByDigest(d)
		if w.found(err) && other.ID != self && !w.goneKeys[other.ID] {
			w.errs.Add(in.Errorf("secret", "is the secret of key %s already: each key needs its own, in the whole server, because "+
				"some clients send nothing else", w.keyPath(&other)))
			return
		}
	}
}

// keyPath is where a stored key is: tenant, accounts below it, name.
func (w *walk) keyPath(k *auth.Key) string {
	path := k.Name
	for id := k.Account; id != 0; {
		a, err := w.r.Account(id)
		if !w.found(err) {
			break
		}
		name := a.Ref()
		if a.Parent == 0 {
			name = a.Code
		}
		path, id = name+"/"+path, a.Parent
	}
	return path
}
