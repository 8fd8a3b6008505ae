package verify

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The finders of the dialects find what Sallyport's own gate finds in the same
// call, and refuse what it refuses.

// OAuth2 finds an access token in a Bearer header or in the member access_token of
// a POST's form (RFC 6750, 2.1 and 2.2). One in the query is refused (RFC 9700, 4.3.2).
func OAuth2() Finder {
	const param, prefix = "access_token", "sp_"
	tokenIn := func(raw string) (string, error) {
		v, err := pairs(raw, param)
		if err != nil || !strings.HasPrefix(v[param], prefix) { // else it is on its way to somebody else
			return "", err
		}
		return v[param], nil
	}
	return func(r *http.Request) (Credential, error) {
		if t, err := tokenIn(r.URL.RawQuery); err != nil || t != "" {
			return Credential{}, malformed("a token in the query")
		}
		token, err := bearerToken(r)
		if err != nil {
			return Credential{}, err
		}
		if r.Method == http.MethodPost && mediaOf(r) == formType {
			body, err := peek(r, maxForm)
			if token != "" && errors.Is(err, errTooLarge) {
				return Credential{Token: token, Dialect: "oauth2"}, nil
			}
			if err != nil {
				return Credential{}, unsearched(err)
			}
			inForm, err := tokenIn(string(body))
			switch {
			case err != nil:
				return Credential{}, err
			case inForm != "" && token != "": // even if they are one (RFC 6750, 2)
				return Credential{}, ErrTwoTokens
			case inForm != "":
				token = inForm
			}
		}
		return some(Credential{Token: token, Dialect: "oauth2"})
	}
}

// Electa finds CID and Token, names in any case, each in the query or else in the
// form of a POST, of up to 256 KB. Both have to be there: the token is of an account,
// and the call says of which. What is in both places has to agree, as the API may
// look into the form first.
func Electa() Finder {
	const maxForm = 256 << 10
	return func(r *http.Request) (Credential, error) {
		at, err := pairs(r.URL.RawQuery, "cid", "token")
		if err != nil {
			return Credential{}, err
		}
		if len(at) == 2 && r.Method == http.MethodPost && mediaOf(r) == multipartType {
			if err := partsAgree(r, maxForm, at); err != nil {
				return Credential{}, err
			}
		}
		if r.Method == http.MethodPost && mediaOf(r) == formType {
			body, err := peek(r, maxForm)
			if _, inQuery := at["token"]; !inQuery {
				err = unsearched(err)
			}
			if err != nil {
				return Credential{}, err
			}
			inForm, err := pairs(string(body), "cid", "token")
			if err != nil {
				return Credential{}, err
			}
			if err := agree(at, inForm); err != nil {
				return Credential{}, err
			}
		}
		if len(at) < 2 {
			return Credential{}, ErrNoToken
		}
		n := accountNumber(at["cid"])
		if n == 0 {
			return Credential{}, malformed("CID is not an account number")
		}
		return some(Credential{Token: at["token"], Dialect: "electa", Account: n})
	}
}

// agree adds to what is in the query what is in the form alone.
func agree(at, inForm map[string]string) error {
	for _, name := range []string{"token", "cid"} {
		mine, inQuery := at[name]
		other, there := inForm[name]
		switch _, ours := at["token"]; {
		case there && !inQuery:
			at[name] = other
		case other == "" || other == mine || !ours:
		case name == "token":
			return ErrTwoTokens
		default:
			return malformed("the call names two accounts")
		}
	}
	return nil
}

// accountNumber is 0 for what is none.
func accountNumber(s string) (n int64) {
	if s == "" || len(s) > 18 {
		return 0
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n
}

// CalAmp finds the token in the cookie authToken, in a Bearer header or in both,
// if they agree, and the application key in calamp-services-app.
func CalAmp() Finder {
	return func(r *http.Request) (Credential, error) {
		inCookie, err := cookie(r, "authToken")
		if err != nil {
			return Credential{}, err
		}
		token, err := bearerToken(r)
		switch {
		case err != nil:
			return Credential{}, err
		case token == "":
			token = inCookie
		case inCookie != "" && inCookie != token:
			return Credential{}, ErrTwoTokens
		}
		c := Credential{Token: token, Dialect: "calamp"}
		switch apps := r.Header["Calamp-Services-App"]; len(apps) {
		case 0:
		case 1:
			c.App = trim(apps[0])
		default:
			return Credential{}, malformed("calamp-services-app is repeated")
		}
		return some(c)
	}
}

// EduBrite finds the cookies SESSION_ID and SESSION_INFO, and the user whom a call
// of an API session is made for in REAL_UNAME. Names that begin as those of API
// users do, api_ if robots is "", are refused there. So are users that do not
// exist, whatever the mount's options say of making them, and an empty REAL_UNAME.
func EduBrite(robots string) Finder {
	if robots == "" {
		robots = "api_"
	}
	return func(r *http.Request) (Credential, error) {
		id, err := cookie(r, "SESSION_ID")
		if err != nil {
			return Credential{}, err
		}
		info, err := cookie(r, "SESSION_INFO")
		if err != nil {
			return Credential{}, err
		}
		if id == "" || info == "" {
			return Credential{}, ErrNoToken
		}
		c := Credential{Token: id + " " + info, Dialect: "edubrite", Kind: "browser"}
		user, sent, err := realUname(r.Header)
		switch {
		case err != nil:
			return Credential{}, err
		case sent && (user == "" || strings.HasPrefix(user, robots)):
			return Credential{}, ErrRefused
		case sent:
			c.User, c.Kind = user, "api"
		}
		return c, nil
	}
}

// realUname reads the header: a user's name, and more behind a separator. A header
// that a server might take for it is refused.
func realUname(h http.Header) (user string, sent bool, err error) {
	const header = "Real_uname" // as net/http writes it
	for name := range h {
		if name != header && len(name) == len(header) && strings.EqualFold(name[:4], "real") &&
			strings.EqualFold(name[5:], "uname") && !alphanumeric(name[4]) {
			return "", false, malformed("a header is spelled almost like REAL_UNAME")
		}
	}
	lines := h[header]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 || len(lines[0]) > 512 || !utf8.ValidString(lines[0]) || strings.ContainsFunc(lines[0], unicode.IsControl) {
		return "", true, malformed("REAL_UNAME cannot be read")
	}
	user, _, _ = strings.Cut(lines[0], "|")
	return strings.TrimSpace(user), true, nil
}

// DomainPunch finds the session in the cookie of that name, PHPSESSID if it is "",
// or, at api-sl.php, the etoken in a Bearer header. With the cookie, which
// browsers send unasked, a command that changes something must not come from
// another site.
func DomainPunch(name string) Finder {
	if name == "" {
		name = "PHPSESSID"
	}
	return func(r *http.Request) (Credential, error) {
		c := Credential{Dialect: "domainpunch"}
		var err error
		if lines := r.Header["Authorization"]; len(lines) > 0 && strings.HasSuffix(r.URL.Path, "/api-sl.php") {
			// A header that is no good is never made up for by a cookie.
			if c.Token, err = bearerToken(r); err != nil || c.Token == "" || strings.ContainsAny(c.Token, ", \t") {
				return Credential{}, ErrRefused
			}
			return c, nil
		}
		if c.Token, err = cookie(r, name); err != nil {
			return Credential{}, err
		}
		if c.Token != "" && slices.Contains(r.Header["Sec-Fetch-Site"], "cross-site") && changes(r) {
			return Credential{}, ErrRefused
		}
		return some(c)
	}
}

// changes says whether a call of the scripts may change something: every command
// does but c=admin with oper=get.
func changes(r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, "/api.php") && !strings.HasSuffix(r.URL.Path, "/api-sl.php") {
		return false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	v, err := pairs(r.URL.RawQuery, "c", "oper")
	return err != nil || v["c"] != "admin" || v["oper"] != "get"
}
