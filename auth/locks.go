package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lock is what the guard remembers of one name or address at one mount: failures,
// and perhaps a lock.
type Lock struct {
	Key      GuardKey
	Mount    string   // "": Name is all that is known of it
	Kind     LockKind // of what Name is
	Name     string   // as it was claimed
	Known    bool     // somebody of that name exists
	Failures int
	First    time.Time  // of them; zero: not known, see Service.Explain
	Newest   time.Time  // of them; zero: not known, see Service.Explain
	Source   netip.Addr // of the newest; the zero Addr: not known, see Service.Explain
	Until    time.Time  // zero: not locked
}

// LockKind is what a lock is on.
type LockKind string

// The kinds of locks. They are a part of what is stored and never change.
const (
	LockAccount  LockKind = "account"       // of an API key: the account's number or code
	LockUser     LockKind = "user"          // a user name
	LockNameless LockKind = "nameless from" // an address from which attempts without a name came
	LockAddress  LockKind = "address"       // an address, across all names
)

// ByAddress says whether failures are counted by the address that they come from, and
// from the first on, and not by a name that they claim.
func (k LockKind) ByAddress() bool { return k == LockNameless || k == LockAddress }

// LimitsOf are those by which the mount locks what is of a kind.
func (m *Mount) LimitsOf(kind LockKind) Limits {
	switch kind {
	case LockAccount, LockUser, LockNameless:
		return m.Names
	case LockAddress:
		if m.Addresses.Failures == 0 { // of callers, whom every mount counts
			return callerAddresses
		}
		return m.Addresses
	}
	return Limits{}
}

// LockOf says what a row of the guard is about. Whose name was too long or had
// control characters in it cannot be told apart any more.
func LockOf(row *GuardRow) Lock {
	l := Lock{Key: row.Key, Name: row.Name, Known: row.Known, Failures: row.Failures, Newest: row.Last, Until: row.Locked}
	for _, kind := range [...]LockKind{LockAccount, LockUser, LockNameless, LockAddress} {
		infix := " " + string(kind) + " "
		for at := 0; ; at++ {
			i := strings.Index(row.Name[at:], infix)
			if i < 0 {
				break
			}
			at += i
			mount, name := row.Name[:at], row.Name[at+len(infix):]
			if guardKey(claimed{mount, string(kind), name}) == row.Key {
				l.Mount, l.Kind, l.Name = mount, kind, name
				if kind.ByAddress() {
					l.First, l.Newest = row.Last, time.Time{}
				}
				return l
			}
		}
	}
	return l
}

// Locks lists what the guard remembers, over all nodes, in the order of the keys. Who
// was locked but is not any more is not in it. The guard's bounds are the list's.
func (s *Service) Locks(ctx context.Context) ([]Lock, error) {
	now := s.clock()
	var list []Lock
	err := s.store.Guards(ctx, func(row GuardRow) error {
		if row.Name != "" && now.Before(row.Forget) && (row.Locked.IsZero() || now.Before(row.Locked)) {
			list = append(list, LockOf(&row))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading locks: %w", err)
	}
	slices.SortFunc(list, func(a, b Lock) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	return list, nil
}

// Holder is an account that a name may mean.
type Holder struct {
	Account AccountID
	Since   time.Time // from then on; zero: since before that was noted
}

// Holders are the accounts that the name of a lock may mean in a tenant: that of the
// user, or those of the number and of the code; one that has both has it since the later,
// as until then another may have had the one. Tenant 0: in any tenant, as long as one
// alone has the name. An address is nobody's, and so is a name that nobody has.
func (l *Lock) Holders(v Reader, tenant AccountID) (list []Holder, err error) {
	add := func(id AccountID, since time.Time, err error) error {
		switch {
		case errors.Is(err, ErrNotFound) || errors.Is(err, ErrConflict):
			return nil
		case err != nil:
			return err
		case len(list) == 0 || list[0].Account != id:
			list = append(list, Holder{id, since})
		case since.After(list[0].Since):
			list[0].Since = since
		}
		return nil
	}
	switch l.Kind {
	case LockUser:
		u, err := v.UserByName(tenant, l.Name)
		err = add(u.Account, u.NameSince, err)
		return list, err
	case LockAccount:
		if n, err := strconv.ParseInt(l.Name, 10, 64); err == nil && strconv.FormatInt(n, 10) == l.Name {
			a, err := v.AccountByNumber(tenant, n)
			if err := add(a.ID, a.NumberSince, err); err != nil {
				return nil, err
			}
		}
		read := v.AccountByCode
		if tenant == 0 {
			read = func(_ AccountID, code string) (Account, error) { return v.AccountByAnyCode(code) }
		}
		a, err := read(tenant, l.Name)
		err = add(a.ID, a.CodeSince, err)
		return list, err
	case LockNameless, LockAddress:
	}
	return nil, nil
}
