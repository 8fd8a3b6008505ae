package dialect

import (
	"slices"
	"strings"
)

// NextPair cuts the first parameter off a raw query or form: its name and value
// as they were written, and what follows. It does not allocate. A parameter ends
// at any of the separators.
func NextPair(raw string, separators ...byte) (name, value, rest string) {
	end := len(raw)
	for _, s := range separators {
		if i := strings.IndexByte(raw[:end], s); i >= 0 {
			end = i
		}
	}
	if end < len(raw) {
		rest = raw[end+1:]
	}
	name, value, _ = strings.Cut(raw[:end], "=")
	return name, value, rest
}

// Unescape undoes percent-encoding, with '+' for a space; false if a '%' is not
// followed by two hexadecimal digits. It allocates only if there is something to
// undo.
func Unescape(raw string) (string, bool) {
	if strings.IndexByte(raw, '%') < 0 && strings.IndexByte(raw, '+') < 0 {
		return raw, true
	}
	b := make([]byte, 0, len(raw))
	for raw != "" {
		c, n := unescapeByte(raw)
		if n == 0 {
			return "", false
		}
		b = append(b, c)
		raw = raw[n:]
	}
	return string(b), true
}

// IsName says whether a raw name is low when decoded, in any case of its ASCII
// letters, as some server behind the gate may read it: PHP drops spaces in front
// and ends a name at NUL and at '[', others trim white space. A name that the
// gate does not recognize and the API behind it does would be a parameter that
// nobody has checked. It does not allocate.
func IsName(raw, low string) bool {
	if len(raw) < len(low) {
		return false
	}
	if len(raw) == len(low) { // as nearly every client writes it
		return equalFold(raw, low)
	}
	at := 0
	for raw != "" {
		c, n := unescapeByte(raw)
		if n == 0 {
			return false
		}
		raw = raw[n:]
		switch {
		case at == 0 && c <= ' ' && c != 0:
			continue // in front
		case at == len(low) && (c == 0 || c == '['):
			return true // PHP reads no further
		case at == len(low) && c <= ' ':
			continue // behind
		case at == len(low) || lowerByte(c) != low[at]:
			return false
		}
		at++
	}
	return at == len(low)
}

// WithoutPairs is a raw query or form without the parameters of the given low
// names, see [IsName]. All others stay as they were written. A semicolon separates
// too, as some servers believe.
func WithoutPairs(raw string, names ...string) string {
	var kept []byte
	for rest := raw; rest != ""; {
		name, _, after := NextPair(rest, '&', ';')
		pair := rest[:len(rest)-len(after)] // with its separator
		if !slices.ContainsFunc(names, func(low string) bool { return IsName(name, low) }) {
			kept = append(kept, pair...)
		}
		rest = after
	}
	if len(kept) == len(raw) {
		return raw
	}
	return strings.TrimRight(string(kept), "&;")
}

// unescapeByte decodes the first byte of raw, which is not empty, and says how
// many it took: 0 if they are no proper encoding.
func unescapeByte(raw string) (c byte, n int) {
	switch raw[0] {
	case '+':
		return ' ', 1
	case '%':
		if len(raw) < 3 {
			return 0, 0
		}
		hi, ok1 := unhex(raw[1])
		lo, ok2 := unhex(raw[2])
		if !ok1 || !ok2 {
			return 0, 0
		}
		return hi<<4 | lo, 3
	}
	return raw[0], 1
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
