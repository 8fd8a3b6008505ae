package domainpunch

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// isAuth says whether a request to one of the scripts is a login or logout. A
// POST may have the command in its body, and then nothing in the query is one.
func isAuth(r *http.Request) bool {
	named := false
	for rest := r.URL.RawQuery; rest != ""; {
		var name, value string
		name, value, rest = dialect.NextPair(rest, '&')
		if n, ok := dialect.Unescape(name); !ok || n != "c" {
			continue
		}
		if v, ok := dialect.Unescape(value); ok && v == "auth" {
			return true
		}
		named = true
	}
	if named {
		return false
	}
	form, err := dialect.PeekForm(r, dialect.DefaultMaxBody)
	if err != nil {
		return false
	}
	for i := range form {
		if form[i].Name == "c" && form[i].Value == "auth" {
			return true
		}
	}
	return false
}

// asked is what a login or logout asks for.
type asked struct {
	user, pass string
	incomplete bool // without a user name or password
	logout     bool
}

// read reads c=auth. Names are PHP's array keys, in lower case. user is called
// name in older pages; both, and different, make a login that fails (inferred).
func read(r *http.Request) (asked, error) {
	p, err := dialect.ReadForm(r, false)
	if err != nil {
		return asked{}, err
	}
	// It is auth, and must not be something else as well.
	if _, _, err := either(&p, "c"); err != nil {
		return asked{}, err
	}
	if p.Query.Has("logout") || p.Form.Has("logout") { // whatever its value, as PHP's isset
		return asked{logout: true}, nil
	}
	user, hasUser, err := either(&p, "user")
	if err != nil {
		return asked{}, err
	}
	name, hasName, err := either(&p, "name")
	if err != nil {
		return asked{}, err
	}
	pass, _, err := either(&p, "pass")
	if err != nil {
		return asked{}, err
	}
	a := asked{user: user, pass: pass}
	if !hasUser {
		a.user = name
	}
	a.incomplete = a.user == "" || a.pass == ""
	if hasUser && hasName && user != name {
		a.pass = "" // counts for user, and is nobody's password
	}
	return a, nil
}

// either is the one value of a parameter in query and form, and whether there is
// one. The vendor's scripts look into both, so that two values that differ have
// no meaning.
func either(p *dialect.Params, name string) (value string, found bool, err error) {
	inQuery, inForm := p.Query.Has(name), p.Form.Has(name)
	q, err := p.Query.Get(name)
	if err != nil {
		return "", false, err
	}
	f, err := p.Form.Get(name)
	switch {
	case err != nil:
		return "", false, err
	case inQuery && inForm && q != f:
		return "", false, errTwice
	case inQuery:
		return q, true, nil
	}
	return f, inForm, nil
}

// directory is the path that the script stands in, with its slash.
func directory(r *http.Request) string {
	path := r.URL.Path
	return path[:strings.LastIndexByte(path, '/')+1]
}

// setCookie sets the session's cookie; its attributes are inferred.
func (d *domainpunch) setCookie(h http.Header, dir, session string) {
	h.Set("Set-Cookie", d.o.Cookie+"="+session+"; Path="+dir+"; HttpOnly; Secure; SameSite=Lax")
}

func (d *domainpunch) cancelCookie(h http.Header, dir string) {
	h.Set("Set-Cookie", d.o.Cookie+"=deleted; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; Path="+dir+"; HttpOnly; Secure; SameSite=Lax")
}

// signInFormat is how lastsignin is written. It has no zone; here it is UTC.
const signInFormat = "2006-01-02 15:04:05"

// answer is the body of a successful login, field by field in the vendor's order.
func (d *domainpunch) answer(r *http.Request, dir string, grant *auth.Grant) *object {
	user := grant.Session.Identity.User
	root := d.o.URL
	if root == "" {
		root = "https://" + r.Host + dir
	}
	o := newObject()
	o.text("status", ok)
	o.text("user", user.Name)
	o.text("group", user.Group)
	o.text("error", "")
	if d.o.Legacy {
		o.number("userid", int64(user.ID))
		o.number("admin", zeroOne(user.Admin))
		o.text("url", root)
		return o
	}
	o.number("secondary", 0) // nothing further is needed
	o.number("userid", int64(user.ID))
	o.boolean("admin", user.Admin)
	o.text("fullname", user.FullName)
	o.text("displayname", user.DisplayName)
	o.number("rights", user.Rights)
	last := ""
	if !grant.LastSignIn.IsZero() {
		last = grant.LastSignIn.UTC().Format(signInFormat)
	}
	o.text("lastsignin", last)
	o.text("url", root+script[1:]) // also of a login at api-sl.php
	o.text("etoken", d.etokens.issue(grant.Token, d.service.Now()))
	return o
}

func zeroOne(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
