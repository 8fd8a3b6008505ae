package dialect

import (
	"strconv"
	"time"
)

// RetryAfter is the value of a Retry-After header (RFC 9110, 10.2.3): whole
// seconds, rounded up so that nobody comes too early, and at least one.
func RetryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}
