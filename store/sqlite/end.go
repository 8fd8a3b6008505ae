package sqlite

import (
	"errors"

	"github.com/sallyport/sallyport/auth"
)

// subtree selects an account and all below it.
const subtree = "WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT a.id FROM accounts a JOIN below b ON a.parent = b.id) "

// end ends sessions and announces it. Ends of a principal or an account are
// announced even when there was nothing: followers may hold what they should
// not believe any more.
func (t *transaction) end(e *auth.End) (int, error) {
	switch {
	case e.Session != 0:
		return t.endSession(e.Session)
	case e.Principal != 0:
		n, err := t.endPrincipal(e.Principal, e.Except)
		return n, errors.Join(err, t.notice(auth.EndedPrincipal, uint64(e.Principal)))
	}
	n, err := t.endAccount(e.Account)
	return n, errors.Join(err, t.notice(auth.EndedAccount, uint64(e.Account)))
}

func (t *transaction) endSession(id auth.SessionID) (int, error) {
	if err := t.begins.flush(); err != nil {
		return 0, err
	}
	var of auth.PrincipalID
	found, err := t.one(func(r row) { of = auth.PrincipalID(r.int(0)) },
		"DELETE FROM sessions WHERE id = ? RETURNING principal", int64(id))
	if err != nil || !found {
		return 0, err
	}
	if _, err := t.exec("DELETE FROM owned WHERE principal = ? AND id = ?", int64(of), int64(id)); err != nil {
		return 0, err
	}
	t.gone = append(t.gone, entry{principal: of, id: id})
	return 1, t.notice(auth.EndedSession, uint64(id))
}

// endPrincipal ends all sessions of a key or user but one.
func (t *transaction) endPrincipal(p auth.PrincipalID, except auth.SessionID) (n int, err error) {
	if err := errors.Join(t.begins.flush(), t.follow()); err != nil {
		return 0, err
	}
	ids, _ := t.tail.recent(p)
	err = t.query(func(r row) error {
		ids = append(ids, auth.SessionID(r.int(0)))
		return nil
	}, "DELETE FROM owned WHERE principal = ? AND id <> ? RETURNING id", int64(p), int64(except))
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if id == except {
			continue
		}
		gone, err := t.exec("DELETE FROM sessions WHERE id = ? AND principal = ?", int64(id), int64(p))
		if err != nil {
			return 0, err
		}
		n += gone
		t.gone = append(t.gone, entry{principal: p, id: id})
	}
	return n, nil
}

func (t *transaction) endAccount(a auth.AccountID) (n int, err error) {
	var principals []auth.PrincipalID
	err = t.query(func(r row) error {
		principals = append(principals, auth.PrincipalID(r.int(0)))
		return nil
	}, subtree+`SELECT k.id FROM keys k JOIN below ON k.account = below.id
		UNION ALL SELECT u.id FROM users u JOIN below ON u.account = below.id`, int64(a))
	if err != nil {
		return 0, err
	}
	for _, p := range principals {
		gone, err := t.endPrincipal(p, 0)
		if err != nil {
			return 0, err
		}
		n += gone
	}
	return n, nil
}
