package domainpunch

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

var (
	errNoToken      = auth.Refuse(auth.NoToken, nil)
	errUnknownToken = auth.Refuse(auth.UnknownToken, nil)
)

// Token finds the session in the cookie or, at api-sl.php, in the etoken of an
// Authorization header. A header that is there and no good is never made up for by
// a cookie. With a cookie, which browsers send unasked, a changing command must
// not come from another site.
func (d *domainpunch) Token(r *http.Request) (auth.Bearer, error) {
	b, err := d.find(r)
	if err == nil && b.Carried == "" && crossSite(r) && changes(r) {
		return auth.Bearer{}, errCrossSite
	}
	return b, err
}

// find is Token for logins and logouts, which have a view of their own on what
// comes from other sites.
func (d *domainpunch) find(r *http.Request) (auth.Bearer, error) {
	if lines := r.Header["Authorization"]; len(lines) > 0 && d.secureLayer(r) {
		return d.fromHeader(lines)
	}
	session, err := dialect.Cookie(r, d.o.Cookie)
	switch {
	case err != nil:
		return auth.Bearer{}, err
	case session == "":
		return auth.Bearer{}, errNoToken
	}
	return d.bearer(session), nil
}

func (d *domainpunch) bearer(session string) auth.Bearer {
	return auth.Bearer{Mount: d.mount, Form: auth.FormHex, Value: session}
}

func (d *domainpunch) fromHeader(lines []string) (auth.Bearer, error) {
	token, ok := bearerToken(lines)
	if !ok {
		return auth.Bearer{}, errUnknownToken
	}
	// What does not open may be the token of another mount here, an etoken too, and
	// opens nothing over this one: no session is "".
	session, _ := d.etokens.open(token, d.service.Now())
	b := d.bearer(session)
	b.Carried = token
	return b, nil
}

// Read takes the value of the session's cookie, or an etoken while it is good.
func (d *domainpunch) Read(token string) (auth.Bearer, error) {
	session, ok := d.etokens.open(token, d.service.Now())
	switch {
	case ok:
		b := d.bearer(session)
		b.Carried = token
		return b, nil
	case etokenShaped(token):
		return auth.Bearer{}, errUnknownToken
	}
	return d.bearer(token), nil
}

// maxBearer bounds a Bearer token, in bytes.
const maxBearer = 2048

// bearerToken is the one token of an Authorization header (RFC 6750, 2.1), with
// the scheme in any case and as many spaces as the client likes.
func bearerToken(lines []string) (string, bool) {
	if len(lines) != 1 || len(lines[0]) > maxBearer {
		return "", false
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, ", \t") {
		return "", false
	}
	return token, true
}

// minEtoken is the length of the shortest text that a sealer makes.
const minEtoken = 128

// etokenShaped says whether a token is standard base64, as no other dialect's of
// that length is.
func etokenShaped(token string) bool {
	return len(token) >= minEtoken && strings.IndexFunc(strings.TrimRight(token, "="), notBase64) < 0
}

func notBase64(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/')
}

// crossSite says whether a browser says that another site's page caused the
// request (Fetch Metadata, Sec-Fetch-Site). Programs do not send the header.
func crossSite(r *http.Request) bool {
	return slices.Contains(r.Header["Sec-Fetch-Site"], "cross-site")
}

// changes says whether a call may change something: every command of the scripts
// does but the reading one that the vendor documents, c=admin with oper=get. It
// has to be a GET, as a body could say otherwise, and to say so throughout.
func changes(r *http.Request) bool {
	if !strings.HasSuffix(r.URL.Path, script) && !strings.HasSuffix(r.URL.Path, scriptSecure) {
		return false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	return !says(r.URL.RawQuery, "c", "admin") || !says(r.URL.RawQuery, "oper", "get")
}

// says reports whether a parameter is in the query, and has that value wherever it
// is.
func says(query, name, value string) bool {
	found := false
	for query != "" {
		var n, v string
		n, v, query = dialect.NextPair(query, '&', ';')
		if !dialect.IsName(n, name) {
			continue
		}
		if v, ok := dialect.Unescape(v); !ok || v != value {
			return false
		}
		found = true
	}
	return found
}

var _ dialect.Admitter = (*domainpunch)(nil)

// Admit gives a client that came with an etoken the session's cookie, as PHP does
// for a session that a script chose: with it the client can go on when the
// etoken has expired.
func (d *domainpunch) Admit(answer http.Header, call *http.Request, b *auth.Bearer) {
	dir := directory(call)
	if strings.ContainsFunc(dir, notInPath) {
		return
	}
	d.setCookie(answer, dir, b.Value)
	answer.Set("Cache-Control", "no-store")
}

// notInPath: what cannot stand in a cookie's Path (RFC 6265, 4.1.1).
func notInPath(c rune) bool { return unprintable(c) || c == ';' || c == ',' }
