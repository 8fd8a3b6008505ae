package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// apps lists apps.
func (v *visit) apps() error {
	q, a, err := v.members()
	if err != nil {
		return err
	}
	list, err := ask(v, (*admin.Admin).AppList, q)
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "apps", "Apps", &membersPage{a, list.Items, list.Next})
	return nil
}

// appCreate adds an app.
func (v *visit) appCreate() error {
	id, err := v.number("account")
	if err != nil {
		return err
	}
	a, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: id})
	if err != nil {
		return err
	}
	f := &form{Title: "New app", Submit: "Create app", Back: accountPath(id), Facts: []fact{{"Account", titleOf(&a)}},
		Intro: "A client program, named by an application key, which is no secret.",
		Fields: []*field{
			{Name: "account", Type: "hidden", Value: strconv.FormatInt(id, 10)},
			{Name: "key", Label: "Application key", Required: true, Hint: "As clients send it.", Off: true},
			{Name: "name", Label: "Name"},
		}}
	return v.submit(f, func(in url.Values) error {
		if _, err := ask(v, (*admin.Admin).AppCreate, api.NewApp{Key: strings.TrimSpace(in.Get("key")), Account: id, Name: in.Get("name"), Note: note(in)}); err != nil {
			return err
		}
		return v.see(accountPath(id) + "?did=created")
	})
}

// namedApp finds the app of the path, in pages: there is no operation that shows one.
func (v *visit) namedApp(title, submit string) (*form, *api.App, error) {
	key := v.r.PathValue("key")
	q := api.MemberQuery{Page: api.Page{Limit: api.MaxLimit}}
	for {
		list, err := ask(v, (*admin.Admin).AppList, q)
		if err != nil {
			return nil, nil, err
		}
		for i := range list.Items {
			if one := &list.Items[i]; one.Key == key {
				return &form{Title: title, Submit: submit, Back: accountPath(one.Account), Facts: []fact{{"App", one.Key}}}, one, nil
			}
		}
		if q.After = list.Next; q.After == "" || q.After >= key {
			return nil, nil, errNowhere
		}
	}
}

// appUpdate changes an app.
func (v *visit) appUpdate() error {
	f, p, err := v.namedApp("Edit app", "Save")
	if err != nil {
		return err
	}
	f.Fields = []*field{{Name: "name", Label: "Name", Value: p.Name},
		{Name: "disabled", Label: "Disabled", Type: "check", Value: box(p.Disabled), Hint: "Logins and calls that carry it are refused."}}
	return v.submit(f, func(in url.Values) error {
		if _, err := ask(v, (*admin.Admin).AppUpdate, api.AppChange{Key: p.Key, Name: changed(in, "name", p.Name), Disabled: changedTick(in, "disabled", p.Disabled), Note: note(in)}); err != nil {
			return err
		}
		return v.see(f.Back + "?did=updated")
	})
}

// appDelete deletes an app.
func (v *visit) appDelete() error {
	f, p, err := v.namedApp("Delete app", "Delete")
	if err != nil {
		return err
	}
	f.Danger, f.Intro = true, "Logins and calls that carry its key are refused from then on."
	return v.submit(f, func(in url.Values) error {
		if _, err := ask(v, (*admin.Admin).AppDelete, api.AppRemoval{Key: p.Key, NoteGone: noteGone(in)}); err != nil {
			return err
		}
		return v.see(f.Back + "?did=deleted")
	})
}
