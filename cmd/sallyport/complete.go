package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/spf13/cobra"
)

// completionTime is how long a shell waits for names at most.
const completionTime = 2 * time.Second

// complete completes the names of accounts, keys, users and policies by asking for
// them; it completes nothing if that cannot be done.
func (t *target) complete(kind string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const no = cobra.ShellCompDirectiveNoFileComp
		open, err := t.opener()
		if err != nil {
			return nil, no
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		c, _, done, err := open(ctx, io.Discard)
		if err != nil {
			return nil, no
		}
		defer func() { _ = done() }()
		f := newFinder(ctx, c)
		return f.names(kind), no
	}
}

// names are what may stand for a kind of argument: the first of them, if there are
// many.
func (f *finder) names(kind string) (list []string) {
	page := api.Page{Limit: api.MaxLimit}
	under := func(account int64, name string) {
		if path, err := f.path(account); err == nil {
			list = append(list, path+"/"+name)
		}
	}
	switch kind {
	case "ACCOUNT", "PATH":
		found, _ := f.c.AccountList(f.ctx, api.AccountQuery{Page: page}) // without an answer there are none
		for _, a := range found.Items {
			list = append(list, strings.Join(a.Path, "/"))
		}
	case "KEY":
		f.remember(page)
		found, _ := f.c.KeyList(f.ctx, api.MemberQuery{Page: page})
		for _, k := range found.Items {
			under(k.Account, k.Name)
		}
	case "USER":
		f.remember(page)
		found, _ := f.c.UserList(f.ctx, api.UserQuery{MemberQuery: api.MemberQuery{Page: page}})
		for _, u := range found.Items {
			under(u.Account, u.Name)
		}
	case "APP":
		found, _ := f.c.AppList(f.ctx, api.MemberQuery{Page: page})
		for _, a := range found.Items {
			list = append(list, a.Key)
		}
	case "POLICY":
		found, _ := f.c.PolicyList(f.ctx, page)
		for _, p := range found.Items {
			list = append(list, p.Name)
		}
	}
	return list
}

// remember reads a page of accounts at once, so that they need not be asked for one
// by one.
func (f *finder) remember(page api.Page) {
	found, err := f.c.AccountList(f.ctx, api.AccountQuery{Page: page})
	if err != nil {
		return
	}
	for _, a := range found.Items {
		f.accounts[a.ID] = &a
	}
}
