package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
)

// finder finds what people name, and names what the API gives by id. It remembers
// the accounts that it saw.
//
// An account is named by its number or code, or by more of its path, from any account
// above it on, and exactly by all of it: ACME/ACME-WEST. A key is ACCOUNT/NAME, a user the login name, with an
// account above or without. id:7 is what has the id 7. A name that several have is
// refused, and the error says which they are.
type finder struct {
	ctx      context.Context // of the command, which lives as long
	c        *client.Client
	accounts map[int64]*api.Account // nil: there is none to be seen
}

func newFinder(ctx context.Context, c *client.Client) *finder {
	return &finder{ctx: ctx, c: c, accounts: map[int64]*api.Account{}}
}

// candidate is what a name may mean.
type candidate struct {
	id    int64
	shown string
}

// maxShown bounds the candidates that an error names.
const maxShown = 10

// one is the only candidate.
func one(noun, text string, list []candidate) (int64, error) {
	switch len(list) {
	case 1:
		return list[0].id, nil
	case 0:
		return 0, fmt.Errorf("there is no %s %q that you may see: `sallyport %s list` shows them", noun, text, noun)
	}
	var lines []string
	for _, c := range list[:min(len(list), maxShown)] {
		lines = append(lines, fmt.Sprintf("  id:%d  %s", c.id, c.shown))
	}
	if len(list) > maxShown {
		lines = append(lines, fmt.Sprintf("  and %d more", len(list)-maxShown))
	}
	return 0, fmt.Errorf("%q may mean one of these: write more of the path, or the id:\n%s", text, strings.Join(lines, "\n"))
}

// byID reads id:7.
func byID(text string) (id int64, is bool, err error) {
	digits, is := strings.CutPrefix(text, "id:")
	if !is {
		return 0, false, nil
	}
	if id, err = strconv.ParseInt(digits, 10, 64); err != nil || id <= 0 {
		return 0, true, fmt.Errorf("%q is no id: write it like id:7", text)
	}
	return id, true, nil
}

// account finds an account.
func (f *finder) account(text string) (int64, error) {
	if id, is, err := byID(text); is {
		return id, err
	}
	found, err := f.accountsOf(text)
	if err != nil {
		return 0, err
	}
	var list []candidate
	for _, a := range found {
		list = append(list, candidate{a.ID, strings.Join(a.Path, "/") + " (" + a.Level + ")"})
	}
	return one("account", text, list)
}

// accountsOf finds all accounts that a text may mean. A whole path, from the tenant on,
// means one: that another tenant has an account of such a name changes nothing.
func (f *finder) accountsOf(text string) (found []*api.Account, err error) {
	parts := strings.Split(text, "/")
	last := parts[len(parts)-1]
	if slices.Contains(parts, "") {
		return nil, nil
	}
	queries := []api.AccountQuery{{Code: last}}
	if n, err := strconv.ParseInt(last, 10, 64); err == nil && n > 0 && strconv.FormatInt(n, 10) == last {
		queries = append(queries, api.AccountQuery{Number: n})
	}
	for _, q := range queries {
		for a, err := range client.All(func(after string) (api.List[api.Account], error) {
			q.After = after
			return f.c.AccountList(f.ctx, q)
		}) {
			if err != nil {
				return nil, err
			}
			f.accounts[a.ID] = &a
			same, err := f.below(&a, parts[:len(parts)-1])
			if err != nil {
				return nil, err
			}
			if same && !slices.ContainsFunc(found, func(b *api.Account) bool { return b.ID == a.ID }) {
				found = append(found, &a)
			}
		}
	}
	whole := func(a *api.Account) bool { return len(a.Path) == len(parts) }
	if slices.ContainsFunc(found, whole) {
		found = slices.DeleteFunc(found, func(a *api.Account) bool { return !whole(a) })
	}
	return found, nil
}

// below says whether the accounts right above one are called so. Those that the
// caller may not see are known by what the path calls them.
func (f *finder) below(a *api.Account, parts []string) (bool, error) {
	for i := len(parts) - 1; i >= 0; i-- {
		at := len(a.Path) - 1 - (len(parts) - i)
		if at < 0 {
			return false, nil
		}
		if a.Path[at] == parts[i] {
			continue
		}
		above := a
		for range len(parts) - i {
			next, err := f.show(above.Parent)
			if err != nil || next == nil {
				return false, err
			}
			above = next
		}
		if above.Code != parts[i] && strconv.FormatInt(above.Number, 10) != parts[i] {
			return false, nil
		}
	}
	return true, nil
}

// show reads an account; nil if there is none to be seen.
func (f *finder) show(id int64) (*api.Account, error) {
	if a, seen := f.accounts[id]; seen {
		return a, nil
	}
	a, err := f.c.AccountShow(f.ctx, api.ByID{ID: id})
	switch {
	case client.HasCode(err, api.NotFound):
		f.accounts[id] = nil
	case err != nil:
		return nil, err
	default:
		f.accounts[id] = &a
	}
	return f.accounts[id], nil
}

// path is what people call an account.
func (f *finder) path(id int64) (string, error) {
	a, err := f.show(id)
	if err != nil || a == nil {
		return "id:" + strconv.FormatInt(id, 10), err
	}
	return strings.Join(a.Path, "/"), nil
}

// splits are the ways to read ACCOUNT/NAME: either may have slashes in it.
func splits(text string) (all [][2]string) {
	for i, c := range text {
		if c == '/' && i > 0 && i+1 < len(text) {
			all = append(all, [2]string{text[:i], text[i+1:]})
		}
	}
	return all
}

// key finds an API key.
func (f *finder) key(text string) (int64, error) {
	if id, is, err := byID(text); is {
		return id, err
	}
	ways := splits(text)
	if len(ways) == 0 {
		return 0, fmt.Errorf("%q does not name a key: write it like ACME/main, or id:7", text)
	}
	var list []candidate
	for _, way := range ways {
		accounts, err := f.accountsOf(way[0])
		if err != nil {
			return 0, err
		}
		for _, a := range accounts {
			for k, err := range client.All(func(after string) (api.List[api.Key], error) {
				return f.c.KeyList(f.ctx, api.MemberQuery{Account: a.ID, Direct: true, Page: api.Page{After: after, Limit: api.MaxLimit}})
			}) {
				if err != nil {
					return 0, err
				}
				if k.Name == way[1] {
					list = append(list, candidate{k.ID, strings.Join(a.Path, "/") + "/" + k.Name})
				}
			}
		}
	}
	return one("key", text, list)
}

// user finds a user.
func (f *finder) user(text string) (int64, error) {
	if id, is, err := byID(text); is {
		return id, err
	}
	queries := []api.UserQuery{{Name: text}}
	for _, way := range splits(text) {
		accounts, err := f.accountsOf(way[0])
		if err != nil {
			return 0, err
		}
		for _, a := range accounts {
			queries = append(queries, api.UserQuery{Name: way[1], MemberQuery: api.MemberQuery{Account: a.ID}})
		}
	}
	var list []candidate
	for _, q := range queries {
		for u, err := range client.All(func(after string) (api.List[api.User], error) {
			q.After = after
			return f.c.UserList(f.ctx, q)
		}) {
			if err != nil {
				return 0, err
			}
			if slices.ContainsFunc(list, func(c candidate) bool { return c.id == u.ID }) {
				continue
			}
			path, err := f.path(u.Account)
			if err != nil {
				return 0, err
			}
			list = append(list, candidate{u.ID, path + "/" + u.Name})
		}
	}
	return one("user", text, list)
}
