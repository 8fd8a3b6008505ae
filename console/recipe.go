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
	app, err := v.someApp(a)
	if err != nil {
		return nil, err
	}
	values := map[string]string{"code": cmp.Or(a.Code, strconv.FormatInt(a.Number, 10)), "app": app, "secret": secret}
	if a.Number != 0 {
		values["number"] = strconv.FormatInt(a.Number, 10)
	}
	for _, u := range users {
		if u.Active && u.Role == "" && u.HasPassword {
			values["user"] = u.Name
			break
		}
	}
	var list []recipe
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if m.Tenant != "" && m.Tenant != a.Path[0] {
			continue
		}
		for _, d := range v.o.Dialects {
			if d.Name == m.Dialect {
				list = append(list, v.recipe(&d, m, values))
			}
		}
	}
	return list, nil
}

// someApp is an app whose key an account's clients may send.
func (v *visit) someApp(a *api.Account) (string, error) {
	of := a.ID
	if above, err := v.above(a); err != nil {
		return "", err
	} else if len(above) > 0 {
		of = above[0].ID
	}
	apps, err := ask(v, (*admin.Admin).AppList, api.MemberQuery{Account: of, Page: api.Page{Limit: 1}})
	if err != nil || len(apps.Items) == 0 {
		return "", err
	}
	return apps.Items[0].Key, nil
}

// recipe fills in the commands of one mount.
func (v *visit) recipe(d *Dialect, m *api.Mount, values map[string]string) recipe {
	r := recipe{Mount: m.Name, Title: d.Title}
	byUser := strings.Contains(d.Login, "{user}")
	for name, why := range map[string]string{"number": "the account has no number", "user": "the account has no active user with a password"} {
		if strings.Contains(d.Login+d.Call, "{"+name+"}") && values[name] == "" {
			r.Needs = why
			return r
		}
	}
	own := map[string]value{"base": {d.Bases[m.Name], true}, "token": {`'"$TOKEN"'`, true}, "secret": {`'"$SECRET"'`, true}, "app": {"APPLICATION-KEY", false}}
	for name, text := range values {
		if text != "" && (name != "secret" || !byUser) { // a key is not a user's password
			own[name] = value{text, false}
		}
	}
	r.Secret = own["secret"].ours
	login, call := fill(d.Login, own), fill(d.Call, own)
	if strings.Contains(d.Call, "{token}") { // else the call logs in for itself
		call = "TOKEN=$(" + login + " | grep -oE '" + v.o.Tokens + "' | head -n 1)\n" + call
	}
	r.Login, r.Call = login, call
	if r.Secret {
		r.Login = "SECRET=...\n" + r.Login
	}
	return r
}

// inURL finds what stands in a URL of a command.
var inURL = regexp.MustCompile(`'\{base\}[^']*'`)

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
