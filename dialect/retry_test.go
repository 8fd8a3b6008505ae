package dialect

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "1", 0: "1", time.Nanosecond: "1", time.Second: "1", time.Second + 1: "2", 15 * time.Minute: "900",
	} {
		if got := RetryAfter(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
