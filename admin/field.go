package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// InvalidField is a field of an input that cannot be as it is. It wraps
// [auth.ErrInvalid].
type InvalidField struct{ Field, Why string }

func (e *InvalidField) Error() string { return e.Field + " " + e.Why }

// Unwrap is ErrInvalid.
func (e *InvalidField) Unwrap() error { return auth.ErrInvalid }

func invalid(field, format string, args ...any) error {
	return &InvalidField{field, fmt.Sprintf(format, args...)}
}

// maxDetail bounds what one event says, in bytes.
const maxDetail = 2048

func clip(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "..."
}

// maxWhy bounds what a caller may say for the audit, in bytes.
const maxWhy = 500

func checkWhy(why string) error {
	if len(why) > maxWhy || !utf8.ValidString(why) || strings.ContainsFunc(why, unicode.IsControl) {
		return invalid("why", "is at most %d bytes of text on one line", maxWhy)
	}
	return nil
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// set changes a field if the input states it, and notes what changed.
func set[T comparable](e *audit.Event, name string, field *T, to *T) {
	if to == nil || *field == *to {
		return
	}
	e.Detail = join(e.Detail, name+": "+shown(*field)+" -> "+shown(*to))
	*field = *to
}

// shown is a value as the audit has it.
func shown(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case auth.Role:
		return strconv.Quote(string(v))
	case time.Duration:
		return api.Span(v).String()
	case time.Time:
		if v.IsZero() {
			return "never"
		}
		return v.UTC().Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// begun notes the fields of a new record that are not empty.
func begun[T comparable](e *audit.Event, name string, v T) {
	var zero T
	if v != zero {
		e.Detail = join(e.Detail, name+": "+shown(v))
	}
}

// about puts in whom an event is about.
func about(e *audit.Event, chain []auth.Account, subject string) {
	e.Tenant, e.Account, e.Subject = chain[0].Code, chain[len(chain)-1].Ref(), subject
}

// instant is a time as records keep it.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// optional is a time as the wire has it.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func refs(chain []auth.Account) []string {
	out := make([]string, len(chain))
	for i := range chain {
		out[i] = chain[i].Ref()
	}
	return out
}
