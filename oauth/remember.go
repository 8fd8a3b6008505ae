package oauth

import (
	"strconv"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// A verifier may remember an answer if it follows the feed of what ends (package
// verify does). For how long is said in whole seconds that count from its question,
// by its own clock: so it does not matter how far that is from ours.

const (
	// maxRemember bounds what no clock of ours ends: clocks that do not run alike
	// part by a fifth of a second in that time at worst (500 ppm, what NTP slews).
	maxRemember = 5 * time.Minute

	// lockRemember is for sessions that a lock of their name stops: locks are not
	// in the feed.
	lockRemember = time.Second

	// idleShare is the part of an idle span after which a verifier has to ask
	// again, or the session would end here while it is used there.
	idleShare = 4
)

// remember is for how long an answer may be believed.
func remember(s *auth.Session, b *auth.Bearer, now time.Time) time.Duration {
	if s.Life.Uses > 0 || b.Carried != "" {
		// Each check takes a use; and what a token is wrapped in ends by itself.
		return 0
	}
	span := maxRemember
	if !s.Life.Ends.IsZero() {
		left := s.Life.Ends.Sub(now)
		span = min(span, left-left/1000) // the slack is for clocks again
	}
	if s.Life.Idle > 0 {
		span = min(span, s.Life.Idle/idleShare)
	}
	if b.Mount.LockBlocksTokens {
		span = min(span, lockRemember)
	}
	return max(0, span.Truncate(time.Second))
}

// appendRemember adds what a cache of verdicts has to know beside whom to follow:
// for how long it may remember the answer, and from which position of the feed the
// answer counts. That is one from before the session was looked up: what was said
// up to it is in the answer.
func appendRemember(b []byte, span time.Duration, position uint64) []byte {
	b = appendNumber(b, "sallyport_cache", int64(span/time.Second))
	return appendNumber(append(b, ','), "sallyport_feed", position)
}

// appendActingFor adds the member act (RFC 8693, 4.1) of a session whose holder
// acts for the user that the call named, with whom to follow.
func appendActingFor(b []byte, who *auth.Identity) []byte {
	b = appendName(b, "act")
	b = appendName(append(b, '{'), "sub")
	b = append(strconv.AppendInt(append(b, '"'), int64(who.Principal), 10), '"')
	b = appendMember(append(b, ','), "username", who.Subject)
	b = appendNumber(append(b, ','), "sallyport_principal", who.Principal)
	return append(appendPath(append(b, ','), who), '}')
}

// appendPath adds the accounts of somebody, by their ids, the tenant first.
func appendPath(b []byte, who *auth.Identity) []byte {
	b = append(appendName(b, "sallyport_path"), '[')
	for i, id := range who.Path {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return append(b, ']')
}
