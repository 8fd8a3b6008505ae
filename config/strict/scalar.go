package strict

import (
	"encoding"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// text decodes the types that a file writes as text. It reports whether v is of
// such a type.
func (s *source) text(n ast.Node, v reflect.Value, p *path, tag reflect.StructTag) bool {
	var parse func(string) error
	switch into := v.Addr().Interface().(type) {
	case *time.Duration:
		parse = func(t string) (err error) { *into, err = Duration(t); return err }
	case *time.Time:
		parse = func(t string) (err error) { *into, err = Time(t); return err }
	case *netip.Prefix:
		parse = func(t string) (err error) { *into, err = network(t); return err }
	case encoding.TextUnmarshaler:
		parse = func(t string) error { return into.UnmarshalText([]byte(t)) }
	default:
		if v.Kind() != reflect.String {
			return false
		}
		parse = func(t string) error { v.SetString(t); return oneOf(t, tag.Get("enum")) }
	}
	var t string
	switch n := n.(type) {
	case *ast.StringNode:
		t = n.Value
	case *ast.LiteralNode:
		t = n.Value.Value
	case *ast.NullNode:
		s.fail(position(n), p, "has no value: give one, or remove the line")
		return true
	case *ast.IntegerNode: // a number without unit, which the parsers of text have their say about
		if v.Kind() == reflect.String {
			s.fail(position(n), p, "reads as a number: %s", s.instead(n.GetToken().Value, tag))
			return true
		}
		t = n.GetToken().Value
	default:
		what := "must be text, is " + kind(n)
		if pairs(n) != nil {
			what += ": text with a colon in it needs quotes"
		}
		if v.Kind() == reflect.String && pairs(n) == nil && n.Type() != ast.MappingType && n.Type() != ast.SequenceType {
			what = "reads as " + kind(n) + ": put it in quotes"
		}
		s.fail(position(n), p, "%s", what)
		return true
	}
	if err := parse(t); err != nil {
		s.fail(position(n), p, "%s%s", s.echo(t), err)
	}
	return true
}

// instead says what to write for a number where text belongs. A field's like tag
// shows it with a star in the number's place, such as 127.0.0.1:*.
func (s *source) instead(number string, tag reflect.StructTag) string {
	if like := tag.Get("like"); like != "" && !s.o.Secrets {
		return "write " + strings.ReplaceAll(like, "*", short(number))
	}
	return "put it in quotes"
}

// echo repeats a wrong value, in files whose values may be repeated.
func (s *source) echo(t string) string {
	if s.o.Secrets {
		return "this "
	}
	return strconv.Quote(short(t)) + " "
}

// short cuts what an error repeats.
func short(t string) string {
	if len(t) > nearest {
		return strings.ToValidUTF8(t[:nearest], "") + "..."
	}
	return t
}

// wrong is what is wrong with a value and what to write, without the value.
type wrong string

func (w wrong) Error() string { return string(w) }

func oneOf(t, enum string) error {
	words := strings.Split(enum, "|")
	if enum == "" || slices.Contains(words, t) {
		return nil
	}
	return wrong("is not one of " + strings.Join(words, ", "))
}

// Duration reads Go's durations and whole days, weeks and years (365 days) in
// front of them, such as 20m, 1d12h, 2w or 10y. It is never negative.
func Duration(text string) (time.Duration, error) {
	const help = wrong("is not a duration: write a number with a unit, such as 30s, 20m, 12h, 1d, 2w or 1y")
	units := []struct {
		name byte
		span time.Duration
	}{{'y', 365 * 24 * time.Hour}, {'w', 7 * 24 * time.Hour}, {'d', 24 * time.Hour}}
	var sum time.Duration
	rest, long := text, false
	for _, u := range units {
		digits, after, found := strings.Cut(rest, string(u.name))
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return 0, help
		}
		if time.Duration(n) > (math.MaxInt64-sum)/u.span {
			return 0, wrong("is too long: at most 100y make sense")
		}
		sum += time.Duration(n) * u.span
		rest, long = after, true
	}
	if rest == "" && long {
		return sum, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || strings.HasPrefix(rest, "+") {
		return 0, help
	}
	if d > math.MaxInt64-sum {
		return 0, wrong("is too long: at most 100y make sense")
	}
	return sum + d, nil
}

// Time reads a day or an instant (RFC 3339), in whole microseconds, as stores
// keep it.
func Time(t string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, t)
	if err != nil {
		at, err = time.Parse(time.DateOnly, t)
	}
	if err != nil || at.Year() < 1970 {
		return time.Time{}, wrong("is not a time: write it like 2027-01-31 or 2027-01-31T17:00:00Z")
	}
	return at.UTC().Truncate(time.Microsecond), nil
}

// network reads an address range, or one address.
func network(t string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(t); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(t)
	switch {
	case err != nil:
		return n, wrong("is not a network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")
	case n.Addr().Is4In6():
		return n, wrong("is an IPv4 network in IPv6 form: write it like 10.0.0.0/8")
	case n != n.Masked():
		return n, wrong("has bits beyond its length: write " + n.Masked().String() + ", or one address alone")
	}
	return n, nil
}

// scalar decodes true, false and numbers.
func (s *source) scalar(n ast.Node, v reflect.Value, p *path) {
	if n.Type() == ast.NullType {
		s.fail(position(n), p, "has no value: give one, or remove the line")
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		s.fail(position(n), p, "is %s: write true or false, without quotes", kind(n))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := integer(n, v.Type().Bits())
		if err != nil {
			s.fail(position(n), p, "%s", err)
			return
		}
		v.SetInt(i)
	default:
		panic(fmt.Sprintf("strict: field %s has type %s, which no file can hold", p, v.Type())) // the caller's mistake
	}
}

// integer reads a whole number, in decimal alone: YAML reads 0123 as 83, and
// customers' numbers are often padded with zeros.
func integer(n ast.Node, bits int) (int64, error) {
	t := n.GetToken()
	digits := strings.TrimPrefix(t.Value, "-")
	plain := digits != "" && strings.Trim(digits, "0123456789") == ""
	_, whole := n.(*ast.IntegerNode)
	quoted := t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType
	switch {
	case plain && quoted:
		return 0, wrong("stands in quotes, so that it is text: write the number without quotes and leading zeros")
	case plain && len(digits) > 1 && digits[0] == '0' && (whole || t.Type == token.StringType):
		return 0, wrong("begins with 0, which YAML takes for octal: write it without the leading zeros")
	case plain && (whole || t.Type == token.StringType): // too many digits are text to the parser
		i, err := strconv.ParseInt(t.Value, 10, bits)
		if err != nil {
			return 0, wrong("is not a whole number of at most 19 digits")
		}
		return i, nil
	case whole:
		return 0, wrong("is not a number in plain decimal: write its digits alone, without 0x, 0o, 0b, _ and +")
	case kind(n) == number:
		return 0, wrong("is not a whole number of at most 19 digits")
	}
	return 0, wrong("is " + kind(n) + ": write a whole number, without quotes")
}
