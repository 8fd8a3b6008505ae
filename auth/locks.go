package auth

import (
	"bytes"
	"context"
	"fmt"
	"slices"
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
	Last     time.Time // of the newest failure; for an address, of the first that counts
	Until    time.Time // zero: not locked
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

// LockOf says what a row of the guard is about. Whose name was too long or had
// control characters in it cannot be told apart any more.
func LockOf(row *GuardRow) Lock {
	l := Lock{Key: row.Key, Name: row.Name, Known: row.Known, Failures: row.Failures, Last: row.Last, Until: row.Locked}
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
