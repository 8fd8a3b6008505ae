package auth

import "time"

// What a write set may be conditional on, so that any number of nodes over one
// store count as one: each says what it believes, and the store whether it is so.
// The rules are here and not in the store: who was wrong looks, and judges anew.

// GuardCount is what is counted of one name or address. The zero GuardCount is that
// of which nothing is stored.
type GuardCount struct {
	Failures int
	Last     time.Time // of the newest failure; for an address, of the first that counts
	Locked   time.Time // until; zero: not locked
}

// Count is what the row counts.
func (r *GuardRow) Count() GuardCount { return GuardCount{r.Failures, r.Last, r.Locked} }

// at is what still counts at a time: a lock that ended takes its failures along, and
// failures older than the window count no more.
func (c GuardCount) at(now time.Time, window time.Duration) GuardCount {
	over := c.Failures > 0 && !now.Before(c.Last.Add(window))
	if !c.Locked.IsZero() {
		over = !now.Before(c.Locked)
	}
	if over {
		return GuardCount{}
	}
	return c
}

// GuardChange counts a failure: it makes a row of what was. A row without failures and
// lock removes what is there.
type GuardChange struct {
	GuardRow
	Was GuardCount // what is there, as far as is known; zero: nothing
}

// Removes says whether the change leaves no row.
func (c *GuardChange) Removes() bool { return c.Failures == 0 && c.Locked.IsZero() }

// Pass is that a secret was right: it counts only if the name or address is not
// locked.
type Pass struct {
	Key    GuardKey
	At     time.Time // at which it must not be locked
	Forget bool      // the failures that are counted under the key are over, wherever they were counted
}

// Take takes one of an allowance that is so large and lasts so long. What was taken
// is a [GuardRow] without a name: Failures are how many, Last is when the first was,
// Forget when the next allowance begins.
type Take struct {
	Key   GuardKey
	Most  int
	At    time.Time
	Until time.Time // of the allowance that begins with this one, if none is running at At
}

// used is the row of the allowance if nothing is left of it.
func (t *Take) used(rows []GuardRow) *GuardRow {
	for i := range rows {
		if r := &rows[i]; r.Key == t.Key && t.At.Before(r.Forget) && r.Failures >= t.Most {
			return r
		}
	}
	return nil
}

// Room asks for room for one more live session under a cap.
type Room struct {
	Capped
	At   time.Time
	Most int // above zero
}
