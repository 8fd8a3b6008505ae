package verify

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

const (
	formType = "application/x-www-form-urlencoded"
	maxForm  = 64 << 10 // bytes of a form that is read for its token
)

// pairs looks for parameters in a raw query or form, by their lower-case names,
// and passes over all others. A semicolon separates too, as some servers believe.
// A parameter that is repeated, or not encoded properly, is refused.
func pairs(raw string, names ...string) (map[string]string, error) {
	found := map[string]string{}
	for raw != "" {
		var pair string
		if i := strings.IndexAny(raw, "&;"); i >= 0 {
			pair, raw = raw[:i], raw[i+1:]
		} else {
			pair, raw = raw, ""
		}
		name, value, _ := strings.Cut(pair, "=")
		for _, low := range names {
			if !isName(name, low) {
				continue
			}
			if _, twice := found[low]; twice {
				return nil, malformed("a parameter is repeated")
			}
			decoded, ok := unescape(value)
			if !ok {
				return nil, malformed("a parameter is not encoded properly")
			}
			found[low] = decoded
		}
	}
	return found, nil
}

// isName says whether a raw name is low when decoded, in any case of its ASCII
// letters, as some server may read it: PHP drops spaces in front and ends a name at
// NUL and at '[', others trim white space.
func isName(raw, low string) bool {
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

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// unescape undoes percent-encoding, with '+' for a space; false if a '%' is not
// followed by two hexadecimal digits.
func unescape(raw string) (string, bool) {
	if !strings.ContainsAny(raw, "%+") {
		return raw, true
	}
	b := make([]byte, 0, len(raw))
	for raw != "" {
		c, n := unescapeByte(raw)
		if n == 0 {
			return "", false
		}
		b, raw = append(b, c), raw[n:]
	}
	return string(b), true
}

// unescapeByte decodes the first byte of raw, and says how many it took: 0 if they
// are no proper encoding.
func unescapeByte(raw string) (c byte, n int) {
	switch raw[0] {
	case '+':
		return ' ', 1
	case '%':
		if len(raw) < 3 {
			return 0, 0
		}
		hi, lo := unhex(raw[1]), unhex(raw[2])
		if hi > 15 || lo > 15 {
			return 0, 0
		}
		return hi<<4 | lo, 3
	}
	return raw[0], 1
}

// unhex is a digit's value, above 15 for what is none.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// mediaOf is the media type of a call's body, in lower case; "" if there is none
// that can be read.
func mediaOf(r *http.Request) string {
	lines := r.Header["Content-Type"]
	if len(lines) != 1 {
		return ""
	}
	media, _, err := mime.ParseMediaType(lines[0])
	if err != nil {
		first, _, _ := strings.Cut(lines[0], ";")
		return strings.ToLower(trim(first))
	}
	return media
}

// peek reads the body of a call, up to limit bytes, and puts it back.
func peek(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body := r.Body
	read, err := io.ReadAll(io.LimitReader(body, limit+1))
	r.Body = again{io.MultiReader(bytes.NewReader(read), body), body}
	switch {
	case err != nil:
		return nil, malformed("the body could not be read to its end")
	case int64(len(read)) > limit:
		return nil, errTooLarge
	}
	return read, nil
}

// unsearched is the error of peek for a finder that has found no token elsewhere.
func unsearched(err error) error {
	if errors.Is(err, errTooLarge) {
		return errUnsearched
	}
	return err
}

// again is a body that was read and can be read again.
type again struct {
	io.Reader
	io.Closer
}
