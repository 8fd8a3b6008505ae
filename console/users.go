package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

func userPath(id int64) string { return "/users/" + strconv.FormatInt(id, 10) }

// users lists users.
func (v *visit) users() error {
	q, a, err := v.members()
	if err != nil {
		return err
	}
	list, err := ask(v, (*admin.Admin).UserList, api.UserQuery{MemberQuery: q})
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "users", "Users", &membersPage{a, list.Items, list.Next})
	return nil
}

// userPageData is a user and what is done as it.
type userPageData struct {
	api.User
	Account  api.Account
	Sessions api.List[api.Session]
}

// user shows a user.
func (v *visit) user() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p := &userPageData{}
	if p.User, err = ask(v, (*admin.Admin).UserShow, api.ByID{ID: id}); err != nil {
		return err
	}
	if p.Account, err = ask(v, (*admin.Admin).AccountShow, api.ByID{ID: p.User.Account}); err != nil {
		return err
	}
	if p.Sessions, err = ask(v, (*admin.Admin).SessionList, api.SessionQuery{Page: api.Page{Limit: perBlock}, User: id, Live: true}); err != nil {
		return err
	}
	v.show(http.StatusOK, "user", "User "+p.Name, p)
	return nil
}

// userFields are what can be said of a user.
func (v *visit) userFields(u *api.User) ([]*field, error) {
	policies, err := v.policyOptions("as the dialect's mount says")
	if err != nil {
		return nil, err
	}
	rights := ""
	if u.Rights != 0 {
		rights = strconv.FormatInt(u.Rights, 10)
	}
	return append([]*field{
		{Name: "full_name", Label: "Full name", Value: u.FullName},
		{Name: "display_name", Label: "Display name", Value: u.DisplayName},
		{Name: "email", Label: "E-mail address", Value: u.Email},
		{Name: "group", Label: "Group", Value: u.Group, Hint: "Passed on by dialects that have such."},
		{Name: "rights", Label: "Rights", Value: rights, Hint: "A number, passed on by dialects that have such."},
		{Name: "admin", Label: "Administrator of the API", Type: "check", Value: box(u.Admin), Hint: "As dialects tell it. No power here."},
		{Name: "policy", Label: "Policy", Type: "select", Value: u.Policy, Options: policies, Hint: "How long the sessions live."},
	}, v.powerFields(u.Power)...), nil
}

// userCreate adds a user.
func (v *visit) userCreate() error {
	id, err := v.number("account")
	if err != nil {
		return err
	}
	a, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: id})
	if err != nil {
		return err
	}
	fields, err := v.userFields(&api.User{})
	if err != nil {
		return err
	}
	f := &form{Title: "New user", Submit: "Create user", Back: accountPath(id), Facts: []fact{{"Account", titleOf(&a)}},
		Fields: append([]*field{
			{Name: "account", Type: "hidden", Value: strconv.FormatInt(id, 10)},
			{Name: "name", Label: "Login name", Required: true, Hint: "Unique in the tenant.", Off: true},
			{Name: "password", Label: "Password", Type: "password", Hint: "At least 8 characters. Without one the user cannot log in."},
		}, fields...)}
	return v.submit(f, func(in url.Values) error {
		rights, err := integer(in, "rights")
		if err != nil {
			return err
		}
		u, err := ask(v, (*admin.Admin).UserCreate, api.NewUser{Account: id, Name: strings.TrimSpace(in.Get("name")), Password: in.Get("password"),
			Admin: ticked(in, "admin"), Group: in.Get("group"), Rights: rights, FullName: in.Get("full_name"), DisplayName: in.Get("display_name"),
			Email: strings.TrimSpace(in.Get("email")), Policy: in.Get("policy"), Power: powerOf(in), Note: note(in)})
		if err != nil {
			return err
		}
		return v.see(userPath(u.ID) + "?did=created")
	})
}

// namedUser reads the user of the path, for a form about it.
func (v *visit) namedUser(title, submit string) (*form, *api.User, error) {
	id, err := v.id()
	if err != nil {
		return nil, nil, err
	}
	u, err := ask(v, (*admin.Admin).UserShow, api.ByID{ID: id})
	if err != nil {
		return nil, nil, err
	}
	return &form{Title: title, Submit: submit, Back: userPath(id), Facts: []fact{{"User", u.Name}}}, &u, nil
}

// userUpdate changes a user.
func (v *visit) userUpdate() error {
	f, u, err := v.namedUser("Edit user", "Save")
	if err != nil {
		return err
	}
	if f.Fields, err = v.userFields(u); err != nil {
		return err
	}
	return v.submit(f, func(in url.Values) error {
		rights, err := integer(in, "rights")
		if err != nil {
			return err
		}
		ch := api.UserChange{ID: u.ID, FullName: changed(in, "full_name", u.FullName), DisplayName: changed(in, "display_name", u.DisplayName),
			Email: changed(in, "email", u.Email), Group: changed(in, "group", u.Group), Rights: &rights, Admin: changedTick(in, "admin", u.Admin),
			Policy: changed(in, "policy", u.Policy), Note: note(in)}
		if v.by.Role == auth.Owner {
			ch.Role = changed(in, "role", u.Role)
			if v.by.Everywhere {
				ch.Everywhere = changedTick(in, "everywhere", u.Everywhere)
			}
		}
		return v.changeUser(ch, "updated")
	})
}

func (v *visit) changeUser(ch api.UserChange, did string) error {
	if _, err := ask(v, (*admin.Admin).UserUpdate, ch); err != nil {
		return err
	}
	return v.see(userPath(ch.ID) + "?did=" + did)
}

// userSetPassword sets a password.
func (v *visit) userSetPassword() error {
	f, u, err := v.namedUser("Set password", "Set password")
	if err != nil {
		return err
	}
	f.Intro = "The sessions of the user end."
	f.Fields = []*field{{Name: "password", Label: "New password", Type: "password", Required: true, Hint: "At least 8 characters."}}
	return v.submit(f, func(in url.Values) error {
		n, err := ask(v, (*admin.Admin).UserSetPassword, api.NewPassword{ID: u.ID, Password: in.Get("password"), Note: note(in)})
		if err != nil {
			return err
		}
		return v.see(userPath(u.ID) + "?did=password&n=" + strconv.Itoa(n.Ended))
	})
}

// userDeactivate deactivates a user.
func (v *visit) userDeactivate() error {
	f, u, err := v.namedUser("Deactivate user", "Deactivate")
	if err != nil {
		return err
	}
	f.Intro = "The user cannot log in until activated again, and the sessions end now."
	if err := v.wouldEnd(f, api.EndAll{User: u.ID}); err != nil {
		return err
	}
	return v.submit(f, func(in url.Values) error {
		return v.changeUser(api.UserChange{ID: u.ID, Active: new(false), Note: note(in)}, "deactivated")
	})
}

// userActivate activates a user.
func (v *visit) userActivate() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	return v.changeUser(api.UserChange{ID: id, Active: new(true), Note: note(v.r.PostForm)}, "activated")
}

// userRemoveFactor removes a second factor that was lost.
func (v *visit) userRemoveFactor() error {
	f, u, err := v.namedUser("Remove second factor", "Remove")
	if err != nil {
		return err
	}
	f.Danger, f.Intro = true, "For somebody whose phone is lost. Until a new one is enrolled, the password alone lets them in: be sure whom you do it for."
	return v.submit(f, func(in url.Values) error {
		return v.changeUser(api.UserChange{ID: u.ID, RemoveFactor: true, Note: note(in)}, "factorless")
	})
}

// userDelete deletes a user.
func (v *visit) userDelete() error {
	f, u, err := v.namedUser("Delete user", "Delete")
	if err != nil {
		return err
	}
	f.Intro = "The user is gone for good, and the sessions end now."
	if err := v.wouldEnd(f, api.EndAll{User: u.ID}); err != nil {
		return err
	}
	return v.submit(f, func(in url.Values) error {
		n, err := ask(v, (*admin.Admin).UserDelete, api.Removal{ID: u.ID, NoteGone: noteGone(in)})
		if err != nil {
			return err
		}
		return v.see(accountPath(u.Account) + "?did=deleted&n=" + strconv.Itoa(n.Ended))
	})
}
