package auth

import (
	"fmt"
	"time"
)

// Policy is how long a session lives. The limits compose: a session ends at the
// first of them. The zero Policy is invalid, so that a forgotten policy cannot
// mean "for ever".
type Policy struct {
	Name        string        // how keys and users refer to it
	Span        time.Duration // fixed span from login; with Idle the absolute cap. 0: no fixed span
	Idle        time.Duration // ends when unused for so long. 0: idleness does not end it
	Uses        int           // number of checks it is good for. 0: any number
	ExpireOnNew bool          // a new login of the same key or user ends it
	Never       bool          // does not end by time; says so on purpose
}

// Limits of a policy. MaxSpan keeps every end within the nanosecond clock that
// the cache of live sessions uses.
const (
	MaxSpan = 100 * 365 * 24 * time.Hour
	MaxUses = 1 << 30
)

// Validate says why the policy cannot be used.
func (p Policy) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: policy %q: %s", ErrInvalid, p.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case p.Span < 0 || p.Idle < 0 || p.Uses < 0:
		return bad("span, idle and uses cannot be negative")
	case p.Span > MaxSpan || p.Idle > MaxSpan:
		return bad("spans are at most 100 years; say never: true for no end")
	case p.Span%time.Microsecond != 0 || p.Idle%time.Microsecond != 0:
		return bad("spans are whole microseconds")
	case p.Uses > MaxUses:
		return bad("at most %d uses", MaxUses)
	case p.Never && (p.Span > 0 || p.Idle > 0):
		return bad("never: true cannot stand beside span or idle")
	case p.Idle > 0 && p.Span == 0:
		return bad("idle needs a span as its absolute cap")
	case p.Idle > p.Span:
		return bad("idle is longer than the span, which caps it")
	case p.Span == 0 && p.Uses == 0 && !p.ExpireOnNew && !p.Never:
		return bad("gives no end: set span, idle, uses or expire_on_new, or never: true")
	}
	return checkText("policy name", p.Name, MaxCode)
}

// Life is what a policy gives one session. Times are whole microseconds, UTC.
type Life struct {
	Issued      time.Time
	Ends        time.Time     // next instant at which time ends it, as far as is known; zero: time does not
	Cap         time.Time     // absolute end; zero: none
	Idle        time.Duration // each use moves Ends to use + Idle, never past Cap
	Uses        int           // checks it is still good for; 0: any number
	ExpireOnNew bool
}

// Begin gives a session that is issued now its life.
func (p Policy) Begin(now time.Time) Life {
	now = now.UTC().Truncate(time.Microsecond)
	l := Life{Issued: now, Idle: p.Idle, Uses: p.Uses, ExpireOnNew: p.ExpireOnNew}
	if p.Span > 0 {
		l.Cap = now.Add(p.Span)
	}
	l.Ends = l.after(now)
	return l
}

// after is the end by time of a session last used at used.
func (l *Life) after(used time.Time) time.Time {
	if l.Idle == 0 {
		return l.Cap
	}
	if end := used.Add(l.Idle); end.Before(l.Cap) {
		return end
	}
	return l.Cap
}

// Alive says whether time has left the session alive: now < Ends.
func (l *Life) Alive(now time.Time) bool {
	return l.Ends.IsZero() || now.Before(l.Ends)
}

// EndReason says why a session ended or will end.
type EndReason string

// The reasons for an end. Names are part of the audit and never change.
const (
	EndNever    EndReason = "never"    // nothing but revocation ends it
	EndSpan     EndReason = "span"     // its span is over
	EndIdle     EndReason = "idle"     // it was not used for too long
	EndUses     EndReason = "uses"     // it was used as often as allowed
	EndReplaced EndReason = "replaced" // a new login of the same key or user ends it
	EndLogout   EndReason = "logout"   // its holder ended it
	EndRevoked  EndReason = "revoked"  // somebody else ended it
	EndDisabled EndReason = "disabled" // its key, user or account was disabled or removed
	EndPassword EndReason = "password" // the user's password was changed
)

// End says when the session will end if nothing else happens, and why. The time
// is zero when it is not time that ends it.
func (l *Life) End() (at time.Time, why EndReason) {
	switch {
	case l.Idle > 0 && l.Ends.Before(l.Cap):
		return l.Ends, EndIdle
	case !l.Ends.IsZero():
		return l.Ends, EndSpan
	case l.Uses > 0:
		return time.Time{}, EndUses
	case l.ExpireOnNew:
		return time.Time{}, EndReplaced
	}
	return time.Time{}, EndNever
}
