package auth

import (
	"errors"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// event says who an attempt claims to be, and from where.
func (s *Service) event(a *Attempt, kind audit.Kind, now time.Time) audit.Event {
	e := audit.Event{At: now, Kind: kind, Tenant: a.Mount.Tenant, Dialect: a.Mount.Dialect, Mount: a.Mount.Name,
		Source: a.Origin.Source.String(), Request: a.Origin.Request, Actor: a.actor}
	switch a.Scheme {
	case AccountKey:
		if a.Number > 0 {
			e.Account = strconv.FormatInt(a.Number, 10)
		} else {
			e.Account = audit.Claim(a.Code)
		}
	case Password:
		e.Subject = audit.Claim(a.User)
	case BareKey: // claims nothing but its secret
	}
	return e
}

// isWhy says whether a refusal's cause is for the audit: it tells whoever the
// client phones what the client must not be told.
func isWhy(cause error) bool {
	for _, why := range []error{errKeyDisabled, errKeyExpired, errKeyNetwork, errFactor, errInactive, errRate, errReach, errRole, errNoRole, errAccountDisabled, errOtherTree, ErrOlderKeys} {
		if errors.Is(cause, why) {
			return true
		}
	}
	return false
}

// name is how the audit calls somebody who acts for others: its account, and its
// name there.
func (p *Identity) name() string { return p.AccountRef + "/" + p.Subject }

// about puts in who it really was.
func about(e *audit.Event, who *Identity) {
	e.Tenant, e.Account, e.Subject = who.Tenant.Code, who.AccountRef, who.Subject
}

// fairUseEvent tells, once in an hour, of a credential that logs in more often
// than it needs to.
func fairUseEvent(login audit.Event, use fairUse) audit.Event {
	e := login
	e.Kind, e.Session, e.Reason, e.Count = audit.FairUse, 0, "", use.logins
	e.Detail = "logs in while an earlier session is alive, more often an hour than the budget of the mount"
	return e
}
