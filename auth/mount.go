package auth

import (
	"fmt"
	"time"
)

// Mount is one dialect, configured: what the core must know of it. It is made
// once at start and never changed.
type Mount struct {
	Name    string // unique in the server; part of guard keys and of the audit
	Dialect string // short name of the dialect; sessions remember it
	Tenant  string // code of the tenant whose accounts, keys and users log in here; "": of every tenant

	Policy    Policy  // for keys and users without one of their own
	Names     Limits  // lockout by claimed name, known or not
	Addresses Limits  // lockout by client address, across all names
	Rate      Rate    // logins by client address, right ones too
	FairUse   FairUse // what logging in before every call leads to

	// MaxSessions is how many live sessions the keys and users of one tenant may
	// have together, over all mounts of the dialect; a login over it is refused. 0:
	// any number. Sessions count if they began by a login of a mount with a cap;
	// those that a login replaces (expire on new) make room for it.
	MaxSessions int

	AppAtLogin bool // an attempt must carry an application key
	AppOnCalls bool // a later call must carry an application key
	BindApp    bool // and it must be the one of the login

	// LockBlocksTokens makes a lock refuse the tokens that were issued before
	// it, too. A stranger who knows an account's number can then cut it off.
	LockBlocksTokens bool
}

// Limits say when failures lock. The zero Limits never lock.
type Limits struct {
	Failures int           // so many in a row lock; 0: none do
	Window   time.Duration // a failure is forgotten after so long
	Lock     time.Duration // how long a lock lasts; failures while locked do not lengthen it
}

// FairUse bounds the logins per hour of one key or user while an earlier
// session of it is still alive.
type FairUse struct {
	Logins int // per hour; 0: no budget
	Answer FairAnswer
}

// FairAnswer is what becomes of a login that is over the budget. The audit tells of
// it once an hour, whatever the answer.
type FairAnswer string

// The answers, in the order of how much the client notices. Names are those of the
// configuration.
const (
	AnswerReport FairAnswer = ""       // none: only the audit tells
	AnswerWarn   FairAnswer = "warn"   // the session, with a header that says so: see [Advice]
	AnswerDelay  FairAnswer = "delay"  // the session, a second late
	AnswerRefuse FairAnswer = "refuse" // [Throttled]
)

func (a FairAnswer) validate() error {
	switch a {
	case AnswerReport, AnswerWarn, AnswerDelay, AnswerRefuse:
		return nil
	}
	return fmt.Errorf("%w: there is no answer %q to what is over a fair use: the answers are report, warn, delay and refuse", ErrInvalid, string(a))
}

// Validate says what is wrong with the mount.
func (m *Mount) Validate() error {
	if m.Name == "" || m.Dialect == "" {
		return fmt.Errorf("%w: a mount needs a name and a dialect", ErrInvalid)
	}
	if err := m.Policy.Validate(); err != nil {
		return fmt.Errorf("mount %q: %w", m.Name, err)
	}
	for _, l := range [...]struct {
		what string
		Limits
	}{{"lockout by name", m.Names}, {"lockout by address", m.Addresses}} {
		if l.Failures < 0 || (l.Failures > 0 && (l.Window <= 0 || l.Lock <= 0)) {
			return fmt.Errorf("%w: mount %q: %s needs failures, window and lock above zero (failures: 0 turns it off)", ErrInvalid, m.Name, l.what)
		}
	}
	if m.MaxSessions < 0 {
		return fmt.Errorf("%w: mount %q: the number of live sessions cannot be negative (0: any number)", ErrInvalid, m.Name)
	}
	if err := m.Rate.validate(); err != nil {
		return fmt.Errorf("mount %q: %w", m.Name, err)
	}
	if m.FairUse.Logins < 0 {
		return fmt.Errorf("%w: mount %q: fair use cannot be negative", ErrInvalid, m.Name)
	}
	if err := m.FairUse.Answer.validate(); err != nil {
		return fmt.Errorf("mount %q: %w", m.Name, err)
	}
	return nil
}
