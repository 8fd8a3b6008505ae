package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// Entries of a page, and of the lists within one.
const (
	perPage  = 50
	tenants  = 20 // with what is below each
	perBlock = 10
)

// branch is an account and some of those right below it.
type branch struct {
	api.Account
	Below []api.Account
	More  bool // there are others
}

// treePage is the customer tree, or what was found in it.
type treePage struct {
	Query    string
	Branches []branch
	Users    []api.User
	Next     string
}

// accounts shows the customer tree, or searches it.
func (v *visit) accounts() error {
	p := &treePage{Query: strings.TrimSpace(v.r.FormValue("q"))}
	if p.Query != "" {
		if err := v.find(p); err != nil {
			return err
		}
		v.show(http.StatusOK, "accounts", "Customers", p)
		return nil
	}
	top, err := ask(v, (*admin.Admin).AccountList, api.AccountQuery{Parent: new(int64), Page: api.Page{After: v.r.FormValue("after"), Limit: tenants}})
	if err != nil {
		return err
	}
	p.Next = top.Next
	for i := range top.Items {
		below, err := ask(v, (*admin.Admin).AccountList, api.AccountQuery{Parent: &top.Items[i].ID, Page: api.Page{Limit: perBlock}})
		if err != nil {
			return err
		}
		p.Branches = append(p.Branches, branch{top.Items[i], below.Items, below.Next != ""})
	}
	v.show(http.StatusOK, "accounts", "Customers", p)
	return nil
}

// find looks for an account of a number or a code, and for users of a name.
func (v *visit) find(p *treePage) error {
	var queries []api.AccountQuery
	if n, err := strconv.ParseInt(p.Query, 10, 64); err == nil && n > 0 {
		queries = append(queries, api.AccountQuery{Number: n})
	}
	if len(p.Query) <= auth.MaxCode {
		queries = append(queries, api.AccountQuery{Code: p.Query})
	}
	for _, q := range queries {
		found, err := ask(v, (*admin.Admin).AccountList, q)
		if err != nil {
			return err
		}
		for _, a := range found.Items {
			p.Branches = append(p.Branches, branch{Account: a})
		}
	}
	users, err := ask(v, (*admin.Admin).UserList, api.UserQuery{Name: p.Query})
	p.Users = users.Items
	return err
}

// accountPage is an account and all that belongs to it.
type accountPage struct {
	api.Account
	Parents  []api.Account
	Below    api.List[api.Account]
	Keys     api.List[api.Key]
	Users    api.List[api.User]
	Apps     api.List[api.App]
	Sessions api.List[api.Session]
	Events   []api.Event
	Recipes  []recipe
}

// account shows an account.
func (v *visit) account() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p := &accountPage{}
	if p.Account, err = ask(v, (*admin.Admin).AccountShow, api.ByID{ID: id}); err != nil {
		return err
	}
	few := api.Page{Limit: perBlock}
	own := api.MemberQuery{Page: few, Account: id, Direct: true}
	var events api.List[api.Event]
	for _, read := range []func() error{
		func() (err error) { p.Parents, err = v.above(&p.Account); return err },
		func() (err error) {
			p.Below, err = ask(v, (*admin.Admin).AccountList, api.AccountQuery{Page: few, Parent: &id})
			return err
		},
		func() (err error) { p.Keys, err = ask(v, (*admin.Admin).KeyList, own); return err },
		func() (err error) {
			p.Users, err = ask(v, (*admin.Admin).UserList, api.UserQuery{MemberQuery: own})
			return err
		},
		func() (err error) { p.Apps, err = ask(v, (*admin.Admin).AppList, own); return err },
		func() (err error) {
			p.Sessions, err = ask(v, (*admin.Admin).SessionList, api.SessionQuery{Page: few, Account: id, Live: true})
			return err
		},
		func() (err error) {
			events, err = ask(v, (*admin.Admin).AuditSearch, api.AuditQuery{Page: few, EventFilter: api.EventFilter{Tenant: p.Path[0], Account: p.Path[len(p.Path)-1]}})
			return err
		},
	} {
		if err := read(); err != nil {
			return err
		}
	}
	p.Events = events.Items
	p.Recipes, err = v.recipes(&p.Account, p.Users.Items, "")
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "account", titleOf(&p.Account), p)
	return nil
}

// above are the accounts above one, the tenant first, as far as they can be seen.
func (v *visit) above(a *api.Account) (list []api.Account, err error) {
	for parent := a.Parent; parent != 0; {
		one, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: parent})
		if errors.Is(err, auth.ErrNotFound) { // out of reach
			break
		}
		if err != nil {
			return nil, err
		}
		list = append([]api.Account{one}, list...)
		parent = one.Parent
	}
	return list, nil
}

// titleOf is what an account is called for people.
func titleOf(a *api.Account) string {
	ref := a.Path[len(a.Path)-1]
	if a.Name == "" || a.Name == ref {
		return ref
	}
	return a.Name
}

func accountPath(id int64) string { return "/accounts/" + strconv.FormatInt(id, 10) }

// accountCreate adds an account.
func (v *visit) accountCreate() error {
	parent, err := v.number("parent")
	if err != nil {
		return err
	}
	f := &form{Title: "New tenant", Submit: "Create", Back: "/accounts", Fields: []*field{
		{Name: "parent", Type: "hidden", Value: v.r.FormValue("parent")},
		{Name: "name", Label: "Name", Hint: "For people."},
		{Name: "code", Label: "Code", Hint: "As clients and the configuration name it. A tenant needs one; others a code or a number.", Off: true},
		{Name: "number", Label: "Number", Hint: "Where the dialect has numbers.", Off: true},
	}}
	if parent != 0 {
		above, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: parent})
		if err != nil {
			return err
		}
		f.Back = accountPath(parent)
		f.Title, f.Intro = "New organization", "Below "+titleOf(&above)+"."
		if above.Level == auth.Organization.String() {
			f.Title = "New division"
		}
	}
	return v.submit(f, func(in url.Values) error {
		n, err := integer(in, "number")
		if err != nil {
			return err
		}
		a, err := ask(v, (*admin.Admin).AccountCreate, api.NewAccount{Parent: parent, Number: n, Code: strings.TrimSpace(in.Get("code")),
			Name: strings.TrimSpace(in.Get("name")), Note: note(in)})
		if err != nil {
			return err
		}
		return v.see(accountPath(a.ID) + "?did=created")
	})
}

// named reads the account of the path, for a form about it.
func (v *visit) namedAccount(title, submit string) (*form, *api.Account, error) {
	id, err := v.id()
	if err != nil {
		return nil, nil, err
	}
	a, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: id})
	if err != nil {
		return nil, nil, err
	}
	return &form{Title: title, Submit: submit, Back: accountPath(id),
		Facts: []fact{{"Account", titleOf(&a)}, {"Path", strings.Join(a.Path, " / ")}}}, &a, nil
}

// accountUpdate changes an account.
func (v *visit) accountUpdate() error {
	f, a, err := v.namedAccount("Edit account", "Save")
	if err != nil {
		return err
	}
	was := ""
	if a.Number != 0 {
		was = strconv.FormatInt(a.Number, 10)
	}
	f.Fields = []*field{{Name: "name", Label: "Name", Value: a.Name},
		{Name: "code", Label: "Code", Value: a.Code, Hint: "Clients that name the old one are refused from then on.", Off: true},
		{Name: "number", Label: "Number", Value: was, Off: true}}
	return v.submit(f, func(in url.Values) error {
		ch := api.AccountChange{ID: a.ID, Name: changed(in, "name", a.Name), Code: changed(in, "code", a.Code), Note: note(in)}
		if changed(in, "number", was) != nil {
			n, err := integer(in, "number")
			if err != nil {
				return err
			}
			ch.Number = &n
		}
		return v.changeAccount(ch, "updated")
	})
}

func (v *visit) changeAccount(ch api.AccountChange, did string) error {
	if _, err := ask(v, (*admin.Admin).AccountUpdate, ch); err != nil {
		return err
	}
	return v.see(accountPath(ch.ID) + "?did=" + did)
}

// accountDisable disables an account.
func (v *visit) accountDisable() error {
	f, a, err := v.namedAccount("Disable account", "Disable")
	if err != nil {
		return err
	}
	n, err := ask(v, (*admin.Admin).SessionEndAll, api.EndAll{Account: a.ID, DryRun: true})
	if err != nil {
		return err
	}
	f.Danger = true
	f.Intro = "Nobody in it or below it can log in until it is enabled again, and their sessions end now."
	f.Facts = append(f.Facts, fact{"Sessions that end", count(n.Ended)})
	return v.submit(f, func(in url.Values) error {
		return v.changeAccount(api.AccountChange{ID: a.ID, Disabled: new(true), Note: note(in)}, "disabled")
	})
}

// accountEnable enables an account.
func (v *visit) accountEnable() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	return v.changeAccount(api.AccountChange{ID: id, Disabled: new(false), Note: note(v.r.PostForm)}, "enabled")
}

// accountDelete deletes an account.
func (v *visit) accountDelete() error {
	f, a, err := v.namedAccount("Delete account", "Delete")
	if err != nil {
		return err
	}
	f.Danger, f.Intro = true, "It has to be empty: no accounts below it, no keys, users or apps."
	return v.submit(f, func(in url.Values) error {
		if _, err := ask(v, (*admin.Admin).AccountDelete, api.Removal{ID: a.ID, NoteGone: noteGone(in)}); err != nil {
			return err
		}
		back := "/accounts"
		if a.Parent != 0 {
			back = accountPath(a.Parent)
		}
		return v.see(back + "?did=deleted")
	})
}
