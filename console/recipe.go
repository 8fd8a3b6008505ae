package console

import (
	"cmp"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// recipe is how a client of an account would log in over one mount.
type recipe struct {
	Mount, Title string
	Login, Call  string
	LoginRemark  string
	CallRemark   string
	Needs        string // why there is none
	Secret       bool   // the reader has to put the secret in
}

// recipes are commands for every mount over which an account can log in. secret is an
// API key that is just being shown; "": the reader has it.
func (v *visit) recipes(a *api.Account, users []api.User, secret string) ([]recipe, error) {
	s, err := ask(v, (*admin.Admin).ServerShow, api.Nothing{})
	if err != nil {
		return nil, err
	}
	above, err := v.above(a)
	if err != nil {
		return nil, err
	}
	chain := append(above, *a)
	of := v.customer(chain)
	app, err := v.someApp(chain[0].ID)
	if err != nil {
		return nil, err
	}
	values := map[string]string{"code": cmp.Or(a.Code, strconv.FormatInt(a.Number, 10)), "app": app, "secret": secret}
	if a.Number != 0 {
		values["number"] = strconv.FormatInt(a.Number, 10)
	}
	var list []recipe
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if m.Tenant == "" || m.Tenant == of.Tenant {
			c := v.o.Commands(m.Name, of)
			values["user"], values["member"] = logIns(users, c.Robot)
			list = append(list, v.recipe(m, c, values))
		}
	}
	return list, nil
}

// logIns are a user who can log in, and one for whom that one can call; "": there is none.
func logIns(users []api.User, robot string) (user, member string) {
	for i := range users {
		u := &users[i]
		switch {
		case !u.Active || u.Role != "":
		case strings.HasPrefix(u.Name, robot):
			if user == "" && u.HasPassword {
				user = u.Name
			}
		case member == "":
			member = u.Name
		}
	}
	return user, member
}

// customer is who an account is, of which the whole way down is given as far as it can
// be seen. Whoever is confined sees nothing of another tenant.
func (v *visit) customer(chain []api.Account) Customer {
	of := Customer{Tenant: v.by.Tenant.Code, Level: chain[len(chain)-1].Level}
	if v.by.Everywhere {
		of.Tenant = chain[0].Code
	}
	for _, a := range chain {
		of.Codes = append(of.Codes, a.Code)
	}
	return of
}

// someApp is an app whose key the clients below an account may send.
func (v *visit) someApp(of int64) (string, error) {
	apps, err := ask(v, (*admin.Admin).AppList, api.MemberQuery{Account: of, Page: api.Page{Limit: 1}})
	if err != nil || len(apps.Items) == 0 {
		return "", err
	}
	return apps.Items[0].Key, nil
}

// recipe fills in the commands of one mount.
func (v *visit) recipe(m *api.Mount, c Commands, values map[string]string) recipe {
	r := recipe{Mount: m.Name, Title: cmp.Or(m.Title, m.Dialect), LoginRemark: c.LoginRemark, CallRemark: c.CallRemark}
	if c.Login == "" {
		r.Needs = c.LoginRemark
		return r
	}
	byUser := strings.Contains(c.Login, "{user}")
	noUser := "the account has no active user with a password"
	if c.Robot != "" {
		noUser += ", of a name that begins with " + c.Robot
	}
	for name, why := range map[string]string{"number": "the account has no number", "user": noUser} {
		if strings.Contains(c.Login+c.Call, "{"+name+"}") && values[name] == "" {
			r.Needs = why
			return r
		}
	}
	own := map[string]value{"base": {c.Base, true}, "token": {`'"$TOKEN"'`, true}, "secret": {`'"$SECRET"'`, true}, "app": {"APPLICATION-KEY", false}}
	for name, text := range values {
		if text != "" && (name != "secret" || !byUser) { // a key is not a user's password
			own[name] = value{text, false}
		}
	}
	r.Secret = own["secret"].ours
	r.Login, r.Call = fill(c.Login, own), fill(c.Call, own)
	if strings.Contains(c.Call, "{member}") && values["member"] == "" {
		r.Call, r.CallRemark = "", "The account has no other active user, for whom a call would be made."
	}
	if strings.Contains(c.Call, "{token}") { // else the call logs in for itself
		r.Call = "TOKEN=$(" + r.Login + " | grep -oE '" + v.o.Tokens + "' | head -n 1)\n" + r.Call
	}
	if r.Secret {
		r.Login = "SECRET=...\n" + r.Login
	}
	return r
}

// inURL finds what stands in a URL of a command, or in a header that names one.
var inURL = regexp.MustCompile(`'(?:\{base\}|https?://|X-Forwarded-Uri: )[^']*'`)

// value is what stands for a placeholder.
type value struct {
	text string
	ours bool // it is a piece of a command, and not what a customer is called
}

// fill puts values into a command that people will run. All stand within single quotes,
// so that a quote is all that has to be taken out of a value; in a URL, the rest is
// escaped for it.
func fill(command string, values map[string]value) string {
	put := func(text string, escape func(string) string) string {
		var pairs []string
		for name, v := range values {
			if !v.ours {
				v.text = escape(v.text)
			}
			pairs = append(pairs, "{"+name+"}", v.text)
		}
		return strings.NewReplacer(pairs...).Replace(text)
	}
	var whole strings.Builder
	done := 0
	for _, at := range inURL.FindAllStringIndex(command, -1) { // each place is filled once: a value may look like a placeholder
		whole.WriteString(put(command[done:at[0]], quoted))
		whole.WriteString(put(command[at[0]:at[1]], url.QueryEscape))
		done = at[1]
	}
	whole.WriteString(put(command[done:], quoted))
	return whole.String()
}

func quoted(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
