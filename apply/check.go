package apply

import (
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config/strict"
	"github.com/sallyport/sallyport/secret"
)

// maxSecret is the longest secret of an API key, in bytes.
const maxSecret = 1024

// checker finds what is wrong with a file on its own.
type checker struct {
	errs    *strict.Errors
	entries int

	policies, tenants, apps, secrets map[string]strict.Mark
	codes, users                     map[string]strict.Mark // of one tenant
	numbers                          map[int64]strict.Mark
}

func newChecker(errs *strict.Errors) *checker {
	return &checker{errs: errs, policies: map[string]strict.Mark{}, tenants: map[string]strict.Mark{},
		apps: map[string]strict.Mark{}, secrets: map[string]strict.Mark{}}
}

// once notes a name, and a problem if it was there before.
func once[K comparable](c *checker, seen map[K]strict.Mark, name K, m strict.Mark, field, what string) {
	if first, twice := seen[name]; twice {
		c.errs.Add(m.Errorf(field, "is the %s of the entry in line %d already: each needs its own", what, first.Line()))
		return
	}
	seen[name] = m
}

func (c *checker) count(m strict.Mark) {
	if c.entries++; c.entries == MaxEntries+1 {
		c.errs.Add(m.Errorf("", "more than %d entries: split the file", MaxEntries))
	}
}

// noun notes what the core says of a noun.
func (c *checker) noun(m strict.Mark, err error) {
	if err != nil {
		c.errs.Add(m.Errorf("", "%s", reason(err)))
	}
}

// reason is a core's error without its first word.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), auth.ErrInvalid.Error()+": ")
}

func (c *checker) file(f *File) {
	for i := range f.policies {
		p := &f.policies[i]
		c.count(p.Mark)
		once(c, c.policies, p.name, p.Mark, "", "name")
		switch {
		case p.name == "":
			c.errs.Add(p.Errorf("", "a policy needs a name"))
		case p.State != absent:
			c.noun(p.Mark, p.Auth(p.name).Validate())
		}
	}
	for i := range f.tenants {
		t := &f.tenants[i]
		c.codes, c.users, c.numbers = map[string]strict.Mark{}, map[string]strict.Mark{}, map[int64]strict.Mark{}
		if t.Code != "" {
			once(c, c.tenants, t.Code, t.Mark, "code", "code")
		}
		c.account(t, auth.Tenant, false)
	}
}

func (c *checker) account(a *account, level auth.Level, gone bool) {
	c.count(a.Mark)
	var parent auth.AccountID
	if level != auth.Tenant {
		parent = 1
	}
	c.noun(a.Mark, (&auth.Account{Level: level, Parent: parent, Number: a.Number, Code: a.Code, Name: a.Name}).Validate())
	if a.Has("number") && a.Number == 0 {
		c.errs.Add(a.Errorf("number", "is 0: numbers begin at 1; remove the line for an account without one"))
	}
	if a.Code != "" {
		once(c, c.codes, a.Code, a.Mark, "code", "code")
	}
	if a.Number != 0 {
		once(c, c.numbers, a.Number, a.Mark, "number", "number")
	}
	c.gone(a.Mark, a.State, gone)
	gone = a.State == absent
	c.members(a, gone)
	if level != auth.Tenant && len(a.Organizations) > 0 {
		c.errs.Add(a.Errorf("organizations", "stand under a tenant, and this is %s %s", article(level), level))
	}
	if level != auth.Organization && len(a.Divisions) > 0 {
		c.errs.Add(a.Errorf("divisions", "stand under an organization, and this is a %s", level))
	}
	for i := range a.Organizations {
		c.account(&a.Organizations[i], auth.Organization, gone)
	}
	for i := range a.Divisions {
		c.account(&a.Divisions[i], auth.Division, gone)
	}
}

func article(l auth.Level) string {
	if l == auth.Organization {
		return "an"
	}
	return "a"
}

// gone notes an entry that would stay in an account that is removed.
func (c *checker) gone(m strict.Mark, state string, gone bool) {
	if gone && state != absent {
		c.errs.Add(m.Errorf("", "stands in an account with state: absent: give it state: absent too, or move it"))
	}
}

func (c *checker) members(a *account, gone bool) {
	names := map[string]strict.Mark{}
	for i := range a.Keys {
		k := &a.Keys[i]
		c.count(k.Mark)
		c.gone(k.Mark, k.State, gone)
		c.noun(k.Mark, (&auth.Key{Account: 1, Name: k.Name, Networks: k.Networks,
			Role: auth.Role(k.Role), Everywhere: k.Everywhere}).Validate())
		if k.Name != "" {
			once(c, names, k.Name, k.Mark, "name", "name")
		}
		c.secret(k)
	}
	for i := range a.Apps {
		p := &a.Apps[i]
		c.count(p.Mark)
		c.gone(p.Mark, p.State, gone)
		c.noun(p.Mark, (&auth.App{Account: 1, Key: p.Key, Name: p.Name}).Validate())
		if p.Key != "" {
			once(c, c.apps, p.Key, p.Mark, "key", "application key")
		}
	}
	for i := range a.Users {
		u := &a.Users[i]
		c.count(u.Mark)
		c.gone(u.Mark, u.State, gone)
		c.noun(u.Mark, (&auth.User{Tenant: 1, Account: 1, Name: u.Name, Group: u.Group, FullName: u.FullName,
			DisplayName: u.DisplayName, Email: u.Email, Role: auth.Role(u.Role), Everywhere: u.Everywhere}).Validate())
		if u.Name != "" {
			once(c, c.users, u.Name, u.Mark, "name", "name")
		}
		c.password(u)
	}
}

func (c *checker) secret(k *key) {
	switch {
	case k.State == absent || !k.Has("secret"):
	case k.Secret == "":
		c.errs.Add(k.Errorf("secret", "is empty: remove the line to have one made"))
	case !auth.Role(k.Role).LogsIn() && utf8.RuneCountInString(k.Secret) < shortSecret:
		c.errs.Add(k.Errorf("secret", "has fewer than %d characters, which is too few for a key with a role: remove the line to have one made", shortSecret))
	case len(k.Secret) > maxSecret:
		c.errs.Add(k.Errorf("secret", "is longer than %d bytes", maxSecret))
	case strings.ContainsFunc(k.Secret, func(r rune) bool { return r < ' ' || r == 0x7f }):
		c.errs.Add(k.Errorf("secret", "holds a control character, such as a line break at its end"))
	default:
		once(c, c.secrets, k.Secret, k.Mark, "secret", "secret")
	}
}

func (c *checker) password(u *user) {
	switch {
	case u.State == absent:
	case u.Has("password") && u.Has("password_hash"):
		c.errs.Add(u.Errorf("password_hash", "stands beside password: state one of them"))
	case u.Has("password") && u.Password == "":
		c.errs.Add(u.Errorf("password", "is empty: remove the line for a user who cannot log in with a password"))
	case len(u.Password) > secret.MaxPassword:
		c.errs.Add(u.Errorf("password", "is longer than %d bytes", secret.MaxPassword))
	case u.Has("password_hash"):
		if secret.CheckHash(u.PasswordHash) != nil { // what it says is not for a file's error
			c.errs.Add(u.Errorf("password_hash", "is no password hash that is read here, or its cost is out of bounds: "+
				"give it whole, as argon2id, bcrypt ($2y$...), scrypt or PBKDF2 write it"))
		}
	}
}
