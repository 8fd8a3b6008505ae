package verify

import "time"

// pulse turns the server's heart-beats into the follower's own time.
//
// The request left after asked, by our clock. The first beat carries a time of
// after the request came, first, by the server's clock: so first, there, is not
// before asked, here. A beat of s vouches for what ended before s, there; and
// asked+(s-first), here, is not later than that. How late a beat arrives does not
// matter, nor how far the clocks are apart.
type pulse struct {
	asked int64 // ours, nanoseconds
	first int64 // the server's, microseconds
	last  int64
	begun bool
}

// maxAhead is how far a beat may seem to be from the future. No two clocks run
// alike, but within anchorFor they do not part so far.
const maxAhead = int64(200 * time.Millisecond)

// beat says for which time of ours a beat vouches that arrived at now.
func (p *pulse) beat(at, now int64) (vouched int64, err error) {
	if !p.begun {
		p.begun, p.first, p.last = true, at, at
	}
	if at < p.last { // ours is monotonic, and so should the server's be
		return 0, errClock
	}
	p.last = at
	if uint64(at)-uint64(p.first) > uint64(time.Hour/time.Microsecond) { // unsigned: it cannot overflow
		return 0, errClock
	}
	vouched = p.asked + (at-p.first)*int64(time.Microsecond)
	if vouched > now+maxAhead {
		return 0, errClock
	}
	return min(vouched, now), nil
}
