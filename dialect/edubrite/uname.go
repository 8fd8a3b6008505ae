package edubrite

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
)

// unameHeader is REAL_UNAME as net/http writes it.
const unameHeader = "Real_uname"

// maxUname bounds the header's value, in bytes.
const maxUname = 512

var (
	errUname   = auth.Refuse(auth.Malformed, errors.New("REAL_UNAME is too long, not UTF-8, or has control characters"))
	errUnames  = auth.Refuse(auth.Malformed, errors.New("REAL_UNAME is there more than once"))
	errSpelled = auth.Refuse(auth.Malformed, errors.New("a header is spelled almost like REAL_UNAME"))
)

// named is whom REAL_UNAME names.
type named struct{ name, email, fullName string }

// realUname reads the header: a user name alone, or name|email|full name. sent
// says whether it is there; the name may be empty all the same. A header that a
// server behind the gate might take for it (CGI and its heirs read a hyphen as an
// underscore) is refused: it would name a user whom nobody has looked at.
func realUname(h http.Header) (n named, sent bool, err error) {
	for name := range h {
		if looksLikeUname(name) && name != unameHeader {
			return named{}, false, errSpelled
		}
	}
	lines := h[unameHeader]
	switch len(lines) {
	case 0:
		return named{}, false, nil
	case 1:
		n, err = parseUname(lines[0])
		return n, true, err
	}
	return named{}, true, errUnames
}

func looksLikeUname(name string) bool {
	return len(name) == len(unameHeader) && strings.EqualFold(name[:4], "real") && strings.EqualFold(name[5:], "uname") && !alphanumeric(name[4])
}

func alphanumeric(c byte) bool { return c-'0' < 10 || c|0x20-'a' < 26 }

// parseUname takes the value apart. Fields are trimmed, and what follows a third
// separator belongs to the full name (inferred).
func parseUname(value string) (named, error) {
	if len(value) > maxUname || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return named{}, errUname
	}
	name, rest, _ := strings.Cut(value, "|")
	email, fullName, _ := strings.Cut(rest, "|")
	return named{strings.TrimSpace(name), strings.TrimSpace(email), strings.TrimSpace(fullName)}, nil
}

// maxCreated bounds the names of users that a call may make, in bytes.
const maxCreated = 100

// creatable says whether a call may make a user of that name: letters and digits
// of ASCII and . _ - @ +, a letter or digit first. The vendor does not say what a
// name may be; this is inferred, with room for an address of mail. The vendor's
// Java client sends a question mark for every other letter, and so one name for
// many people. Users of other names are for administrators to make.
func creatable(name string) bool {
	if name == "" || len(name) > maxCreated || !alphanumeric(name[0]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && !strings.ContainsRune("._-@+", rune(c)) {
			return false
		}
	}
	return true
}
