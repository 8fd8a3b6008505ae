package dialecttest

import (
	"net/url"
	"regexp"
	"strings"
)

// LenientValues are the values of a query's parameter as the servers behind the gate
// may find them, read with net/url and not with package dialect, so that the two can be
// held against each other. The name, in lower case, is read as leniently as can be: white
// space around it is dropped, PHP's end at NUL and at '[', a '%' that begins no encoded
// byte is itself, and case does not count. A value that cannot be decoded is "?".
func LenientValues(query, low string) (values []string) {
	for _, pair := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		key, value, _ := strings.Cut(pair, "=")
		if lenientName(key) != low {
			continue
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			v = "?"
		}
		values = append(values, v)
	}
	return values
}

var percent = regexp.MustCompile("%[0-9A-Fa-f]{2}|%")

func lenientName(raw string) string {
	name, _ := url.QueryUnescape(percent.ReplaceAllStringFunc(raw, func(found string) string {
		if found == "%" {
			return "%25"
		}
		return found
	}))
	blank := func(r rune) bool { return r <= ' ' && r != 0 }
	name = strings.TrimLeftFunc(name, blank)
	if end := strings.IndexAny(name, "\x00["); end >= 0 {
		name = name[:end]
	}
	return lowerASCII(strings.TrimRightFunc(name, blank))
}

// lowerASCII leaves letters beyond ASCII alone: the Kelvin sign is no k.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
