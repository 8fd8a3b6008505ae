package verify

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Finder finds the credential of a call. The error is [ErrNoToken], [ErrTwoTokens]
// or [ErrMalformed]; only those and no others mean that the call has none that
// could be checked. What it reads of the body it puts back.
type Finder func(*http.Request) (Credential, error)

// Any asks all finders. What several find is one credential if the token is the
// same, and then the first one's; two different ones are refused, as whichever was
// believed here, the API might look at the other. A body that is too large to be
// searched matters only if nobody finds a token elsewhere.
func Any(finders ...Finder) Finder {
	return func(r *http.Request) (Credential, error) {
		var found Credential
		var large error
		for _, find := range finders {
			c, err := find(r)
			switch {
			case isNone(err):
			case errors.Is(err, errUnsearched):
				large = err
			case err != nil:
				return Credential{}, err
			case found.Token == "":
				found = c
			case c.Token != found.Token:
				return Credential{}, ErrTwoTokens
			}
		}
		if found.Token == "" && large != nil {
			return Credential{}, large
		}
		return some(found)
	}
}

// some is a credential if it has a token.
func some(c Credential) (Credential, error) {
	if c.Token == "" {
		return Credential{}, ErrNoToken
	}
	return c, nil
}

// Bearer finds the token of a Bearer header, RFC 6750 section 2.1. Another scheme
// is no token; two headers are refused.
func Bearer() Finder {
	return func(r *http.Request) (Credential, error) {
		token, err := bearerToken(r)
		if err != nil {
			return Credential{}, err
		}
		return some(Credential{Token: token})
	}
}

func bearerToken(r *http.Request) (string, error) {
	lines := r.Header["Authorization"]
	if len(lines) > 1 {
		return "", ErrTwoTokens
	}
	if len(lines) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return trim(token), nil
}

// Header finds the token in the header of that name.
func Header(name string) Finder {
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request) (Credential, error) {
		lines := r.Header[name]
		switch len(lines) {
		case 0:
			return Credential{}, ErrNoToken
		case 1:
			return some(Credential{Token: trim(lines[0])})
		}
		return Credential{}, ErrTwoTokens
	}
}

// Cookie finds the token in the cookie of that name. A second one is refused: it
// would be for another path or domain, and which of them counts is anyone's guess.
func Cookie(name string) Finder {
	return func(r *http.Request) (Credential, error) {
		token, err := cookie(r, name)
		if err != nil {
			return Credential{}, err
		}
		return some(Credential{Token: token})
	}
}

func cookie(r *http.Request, name string) (value string, err error) {
	found := false
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			n, v, _ := strings.Cut(pair, "=")
			if trim(n) != name {
				continue
			}
			if found {
				return "", ErrTwoTokens
			}
			if found, value = true, trim(v); len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1] // RFC 6265, 4.1.1
			}
		}
	}
	return value, nil
}

// Query finds the token in the parameter of that name of the query, in any case of
// its ASCII letters. One that is repeated is refused.
func Query(name string) Finder {
	low := strings.ToLower(name)
	return func(r *http.Request) (Credential, error) {
		v, err := pairs(r.URL.RawQuery, low)
		if err != nil {
			return Credential{}, err
		}
		return some(Credential{Token: v[low]})
	}
}

// Form is Query for the form in the body of a POST, of up to 64 KB.
func Form(name string) Finder {
	low := strings.ToLower(name)
	return func(r *http.Request) (Credential, error) {
		if r.Method != http.MethodPost || mediaOf(r) != formType {
			return Credential{}, ErrNoToken
		}
		body, err := peek(r, maxForm)
		if err != nil {
			return Credential{}, unsearched(err)
		}
		v, err := pairs(string(body), low)
		if err != nil {
			return Credential{}, err
		}
		return some(Credential{Token: v[low]})
	}
}

func isNone(err error) bool { return errors.Is(err, ErrNoToken) }

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// trim takes off optional white space (RFC 9110, 5.6.3).
func trim(s string) string { return strings.Trim(s, " \t") }
