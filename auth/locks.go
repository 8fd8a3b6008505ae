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
// as until then another may have had the one. Tenant 0: in any tenant; of very many not
// all, but always several. An address is nobody's, and so is a name that nobody has.
func (l *Lock) Holders(v Reader, tenant AccountID) (list []Holder, err error) {
	switch l.Kind {
	case LockUser:
		return l.users(v, tenant)
	case LockAccount:
		return l.accounts(v, tenant)
	case LockNameless, LockAddress:
	}
	return nil, nil
}

func (l *Lock) users(v Reader, tenant AccountID) (list []Holder, err error) {
	var users []User
	if tenant == 0 {
		users, err = v.UsersByName(l.Name, maxNamesakes)
	} else {
		users, err = ifThere(v.UserByName(tenant, l.Name))
	}
	for i := range users {
		list = append(list, Holder{users[i].Account, users[i].NameSince})
	}
	return list, err
}

func (l *Lock) accounts(v Reader, tenant AccountID) (list []Holder, err error) {
	number, err := strconv.ParseInt(l.Name, 10, 64)
	if err != nil || strconv.FormatInt(number, 10) != l.Name {
		number = 0 // nobody's
	}
	var accounts []Account
	if tenant == 0 {
		accounts, err = namesakes(v, number, l.Name)
	} else {
		accounts, err = ifThere(v.AccountByNumber(tenant, number))
		if err != nil {
			return nil, err
		}
		var coded []Account
		coded, err = ifThere(v.AccountByCode(tenant, l.Name))
		if len(accounts) == 0 || (len(coded) == 1 && coded[0].ID != accounts[0].ID) {
			accounts = append(accounts, coded...)
		}
	}
	for i := range accounts {
		a := &accounts[i]
		h := Holder{Account: a.ID}
		if a.Number == number && number != 0 {
			h.Since = a.NumberSince
		}
		if a.Code == l.Name && a.CodeSince.After(h.Since) {
			h.Since = a.CodeSince
		}
		list = append(list, h)
	}
	return list, err
}

// ifThere is a list of what was found, or of nothing.
func ifThere[T any](one T, err error) ([]T, error) {
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []T{one}, nil
}
