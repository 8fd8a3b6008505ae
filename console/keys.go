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

func keyPath(id int64) string { return "/keys/" + strconv.FormatInt(id, 10) }

// membersPage is a list of keys, users or apps: of an account, or of all in reach.
type membersPage struct {
	Account *api.Account
	Items   any
	Next    string
}

// members reads which members are meant.
func (v *visit) members() (q api.MemberQuery, a *api.Account, err error) {
	q.Page = api.Page{After: v.r.FormValue("after"), Limit: perPage}
	if q.Account, err = v.number("account"); err != nil || q.Account == 0 {
		return q, nil, err
	}
	one, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: q.Account})
	return q, &one, err
}

// keys lists keys.
func (v *visit) keys() error {
	q, a, err := v.members()
	if err != nil {
		return err
	}
	list, err := ask(v, (*admin.Admin).KeyList, q)
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "keys", "Keys", &membersPage{a, list.Items, list.Next})
	return nil
}

// keyPage is a key and what is done with it.
type keyPageData struct {
	api.Key
	Account  api.Account
	Sessions api.List[api.Session]
	Recipes  []recipe
}

// key shows a key.
func (v *visit) key() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	p := &keyPageData{}
	if p.Key, err = ask(v, (*admin.Admin).KeyShow, api.ByID{ID: id}); err != nil {
		return err
	}
	if p.Account, err = ask(v, (*admin.Admin).AccountShow, api.ByID{ID: p.Key.Account}); err != nil {
		return err
	}
	if p.Sessions, err = ask(v, (*admin.Admin).SessionList, api.SessionQuery{Page: api.Page{Limit: perBlock}, Key: id, Live: true}); err != nil {
		return err
	}
	v.show(http.StatusOK, "key", "Key "+p.Name, p)
	return nil
}

// secretPage shows a secret, this once.
type secretPage struct {
	Key     api.KeyWithSecret
	Account api.Account
	Recipes []recipe
}

func (v *visit) showSecret(k *api.KeyWithSecret) error {
	p := &secretPage{Key: *k}
	var err error
	if p.Account, err = ask(v, (*admin.Admin).AccountShow, api.ByID{ID: k.Account}); err == nil {
		p.Recipes, err = v.recipes(&p.Account, nil, k.Secret)
	}
	if err != nil {
		// The key is made: its secret must reach whoever asked, come what may.
		v.log.Warn("what goes with a new key could not be read", "request", v.peer.Request, "cause", err)
	}
	v.show(http.StatusCreated, "secret", "Key "+k.Name, p)
	return nil
}

// policyOptions are the policies to choose from.
func (v *visit) policyOptions(none string) ([]option, error) {
	list, err := ask(v, (*admin.Admin).PolicyList, api.Page{Limit: api.MaxLimit})
	if err != nil {
		return nil, err
	}
	opts := []option{{"", none}}
	for _, p := range list.Items {
		opts = append(opts, option{p.Name, p.Name + ": " + life(&p.Life)})
	}
	return opts, nil
}

// powerFields are role and reach, for those who may give them.
func (v *visit) powerFields(p api.Power) []*field {
	if v.by.Role != auth.Owner {
		return nil
	}
	roles := []option{{"", "none: a client of the API"}}
	for _, r := range auth.Roles() {
		if r != auth.Client {
			roles = append(roles, option{string(r), string(r)})
		}
	}
	list := []*field{{Name: "role", Label: "Role", Type: "select", Value: p.Role, Options: roles,
		Hint: "A key or user with a role of an auditor, operator or owner administers and logs in over no dialect."}}
	if v.by.Everywhere {
		list = append(list, &field{Name: "everywhere", Label: "The role reaches the whole server", Type: "check", Value: box(p.Everywhere)})
	}
	return list
}

func powerOf(in url.Values) api.Power {
	return api.Power{Role: in.Get("role"), Everywhere: ticked(in, "everywhere")}
}

const networksHint = "Where it may log in from: addresses or networks such as 192.0.2.0/24, one a line. Empty: anywhere."

// keyCreate makes a key and shows its secret.
func (v *visit) keyCreate() error {
	id, err := v.number("account")
	if err != nil {
		return err
	}
	a, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: id})
	if err != nil {
		return err
	}
	policies, err := v.policyOptions("as the dialect's mount says")
	if err != nil {
		return err
	}
	f := &form{Title: "New key", Intro: "Its secret is shown once, on the next page.", Submit: "Create key", Back: accountPath(id),
		Facts: []fact{{"Account", titleOf(&a)}},
		Fields: append([]*field{
			{Name: "account", Type: "hidden", Value: strconv.FormatInt(id, 10)},
			{Name: "name", Label: "Name", Required: true, Hint: "What tells it from the account's other keys, such as the program that has it.", Off: true},
			{Name: "policy", Label: "Policy", Type: "select", Options: policies, Hint: "How long its sessions live."},
			{Name: "networks", Label: "Networks", Type: "area", Hint: networksHint},
			{Name: "expires", Label: "Expires (UTC)", Type: "moment", Hint: "Empty: never."},
		}, v.powerFields(api.Power{})...)}
	return v.submit(f, func(in url.Values) error {
		expires, err := at(in, "expires")
		if err != nil {
			return err
		}
		k, err := ask(v, (*admin.Admin).KeyCreate, api.NewKey{Account: id, Name: strings.TrimSpace(in.Get("name")), Policy: in.Get("policy"),
			Networks: words(in, "networks"), Expires: expires, Power: powerOf(in), Note: note(in)})
		if err != nil {
			return err
		}
		return v.showSecret(&k)
	})
}

// namedKey reads the key of the path, for a form about it.
func (v *visit) namedKey(title, submit string) (*form, *api.Key, error) {
	id, err := v.id()
	if err != nil {
		return nil, nil, err
	}
	k, err := ask(v, (*admin.Admin).KeyShow, api.ByID{ID: id})
	if err != nil {
		return nil, nil, err
	}
	return &form{Title: title, Submit: submit, Back: keyPath(id), Facts: []fact{{"Key", k.Name}}}, &k, nil
}

// keyRotate makes a key in place of another.
func (v *visit) keyRotate() error {
	f, k, err := v.namedKey("Rotate key", "Make the new key")
	if err != nil {
		return err
	}
	f.Intro = "Makes a new key with the same policy, networks and role, and shows its secret once. The old one and its sessions live on until the overlap is over: " +
		"give the customer the new secret, and watch when the old key was last used."
	f.Fields = []*field{
		{Name: "overlap", Label: "Overlap", Value: "7d", Hint: "How long both are good, such as 7d, 36h or 0s; at most 90d."},
		{Name: "name", Label: "Name of the new key", Hint: "Empty: the old one's with a number behind it.", Off: true},
	}
	return v.submit(f, func(in url.Values) error {
		overlap, err := span(in, "overlap")
		if err != nil {
			return err
		}
		fresh, err := ask(v, (*admin.Admin).KeyRotate, api.KeyRotation{ID: k.ID, Name: strings.TrimSpace(in.Get("name")), Overlap: overlap, Note: note(in)})
		if err != nil {
			return err
		}
		return v.showSecret(&fresh)
	})
}

// keyUpdate changes a key.
func (v *visit) keyUpdate() error {
	f, k, err := v.namedKey("Edit key", "Save")
	if err != nil {
		return err
	}
	policies, err := v.policyOptions("as the dialect's mount says")
	if err != nil {
		return err
	}
	was := strings.Join(k.Networks, "\n")
	f.Fields = append([]*field{
		{Name: "policy", Label: "Policy", Type: "select", Value: k.Policy, Options: policies, Hint: "For sessions that begin from then on."},
		{Name: "networks", Label: "Networks", Type: "area", Value: was, Hint: networksHint},
		{Name: "expires", Label: "Expires (UTC)", Type: "moment", Value: momentValue(k.Expires), Hint: "Empty: never. Its sessions end with it."},
	}, v.powerFields(k.Power)...)
	return v.submit(f, func(in url.Values) error {
		ch := api.KeyChange{ID: k.ID, Policy: changed(in, "policy", k.Policy), Note: note(in)}
		if list := words(in, "networks"); strings.Join(list, "\n") != was {
			ch.Networks = &list
		}
		if changed(in, "expires", momentValue(k.Expires)) != nil {
			if ch.Expires, err = at(in, "expires"); err != nil {
				return err
			}
			ch.NeverEnds = ch.Expires == nil
		}
		if v.by.Role == auth.Owner {
			ch.Role = changed(in, "role", k.Role)
			if v.by.Everywhere {
				ch.Everywhere = changedTick(in, "everywhere", k.Everywhere)
			}
		}
		return v.changeKey(ch, "updated")
	})
}

func (v *visit) changeKey(ch api.KeyChange, did string) error {
	if _, err := ask(v, (*admin.Admin).KeyUpdate, ch); err != nil {
		return err
	}
	return v.see(keyPath(ch.ID) + "?did=" + did)
}

// wouldEnd says how many sessions would end.
func (v *visit) wouldEnd(f *form, who api.EndAll) error {
	who.DryRun = true
	n, err := ask(v, (*admin.Admin).SessionEndAll, who)
	f.Danger = true
	f.Facts = append(f.Facts, fact{"Sessions that end", count(n.Ended)})
	return err
}

// keyDisable disables a key.
func (v *visit) keyDisable() error {
	f, k, err := v.namedKey("Disable key", "Disable")
	if err != nil {
		return err
	}
	f.Intro = "It cannot log in until it is enabled again, and its sessions end now."
	if err := v.wouldEnd(f, api.EndAll{Key: k.ID}); err != nil {
		return err
	}
	return v.submit(f, func(in url.Values) error {
		return v.changeKey(api.KeyChange{ID: k.ID, Disabled: new(true), Note: note(in)}, "disabled")
	})
}

// keyEnable enables a key.
func (v *visit) keyEnable() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	return v.changeKey(api.KeyChange{ID: id, Disabled: new(false), Note: note(v.r.PostForm)}, "enabled")
}

// keyDelete deletes a key.
func (v *visit) keyDelete() error {
	f, k, err := v.namedKey("Delete key", "Delete")
	if err != nil {
		return err
	}
	f.Intro = "It is gone for good, and its sessions end now. To see first whether anybody misses it, disable it instead."
	if err := v.wouldEnd(f, api.EndAll{Key: k.ID}); err != nil {
		return err
	}
	return v.submit(f, func(in url.Values) error {
		n, err := ask(v, (*admin.Admin).KeyDelete, api.Removal{ID: k.ID, NoteGone: noteGone(in)})
		if err != nil {
			return err
		}
		return v.see(accountPath(k.Account) + "?did=deleted&n=" + strconv.Itoa(n.Ended))
	})
}
