package auth

import "time"

// Clock tells the time. There is one in a server, so that tests can turn it and
// no two parts of an operation disagree about now.
type Clock func() time.Time

// SystemClock is the machine's clock, the only place where it is read. Under
// testing/synctest it is the bubble's.
func SystemClock() time.Time { return time.Now() }
