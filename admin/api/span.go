package api

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time as the configuration writes it: 30s, 20m, 12h, 7d, 1y.
type Span time.Duration

const day = 24 * time.Hour

var errSpan = errors.New("is not a span: write a number with a unit, such as 30s, 20m, 12h, 7d, 2w or 1y")

// String writes days as such, and the rest as Go does.
func (s Span) String() string {
	d := time.Duration(s)
	days := d / day
	rest := d % day
	switch {
	case days <= 0:
		return shortened(d)
	case rest == 0:
		return strconv.FormatInt(int64(days), 10) + "d"
	}
	return strconv.FormatInt(int64(days), 10) + "d" + shortened(rest)
}

// shortened leaves out minutes and seconds that are none: 20m, not 20m0s.
func shortened(d time.Duration) string {
	t := d.String()
	if strings.HasSuffix(t, "m0s") {
		t = t[:len(t)-2]
	}
	if strings.HasSuffix(t, "h0m") {
		t = t[:len(t)-2]
	}
	return t
}

// MarshalText is String.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads whole years, weeks and days, and behind them what Go reads as a
// duration. It is never negative.
func (s *Span) UnmarshalText(text []byte) error {
	rest, sum := string(text), time.Duration(0)
	if rest == "" || len(rest) > 64 {
		return errSpan
	}
	for _, u := range [...]struct {
		name string
		span time.Duration
	}{{"y", 365 * day}, {"w", 7 * day}, {"d", day}} {
		digits, after, found := strings.Cut(rest, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n > 1_000_000 || time.Duration(n) > (1<<63-1-sum)/u.span {
			return errSpan
		}
		sum, rest = sum+time.Duration(n)*u.span, after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || d > 1<<63-1-sum || rest[0] == '+' || rest[0] == '-' {
			return errSpan
		}
		sum += d
	}
	*s = Span(sum)
	return nil
}
