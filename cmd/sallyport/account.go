package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newAccount() *cobra.Command {
	to := new(target)
	show := operation[api.ByID, api.Account]{op: &api.AccountShow, call: (*client.Client).AccountShow, show: record[api.Account],
		arg: "ACCOUNT", read: byName((*finder).account, func(in *api.ByID) *int64 { return &in.ID })}
	create := operation[api.NewAccount, api.Account]{op: &api.AccountCreate, call: (*client.Client).AccountCreate, show: record[api.Account],
		arg: "PATH", read: newPath}
	update := operation[api.AccountChange, api.Account]{op: &api.AccountUpdate, call: (*client.Client).AccountUpdate, show: record[api.Account],
		arg: "ACCOUNT", read: byName((*finder).account, func(in *api.AccountChange) *int64 { return &in.ID })}
	remove := operation[api.Removal, api.Deleted]{op: &api.AccountDelete, call: (*client.Client).AccountDelete, show: deleted,
		arg: "ACCOUNT", read: byName((*finder).account, func(in *api.Removal) *int64 { return &in.ID })}
	created := create.command(to)
	created.Example = "  sallyport account create ACME --name 'Acme Inc.'\n  sallyport account create ACME/123456 --code ACME-WEST"
	return group("account", "Customers: tenants, organizations and divisions", to,
		list(&api.AccountList, (*client.Client).AccountList, func(in *api.AccountQuery) *api.Page { return &in.Page },
			"id", "path", "level", "code", "name", "disabled").command(to),
		show.command(to), created, update.command(to), remove.command(to))
}

// newPath reads what a new account is called: the account above it, if there is one,
// and its own number or code.
func newPath(r *request, in *api.NewAccount, path string) error {
	own := path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		if in.Parent != 0 {
			return errors.New("--parent: the path has an account above it already")
		}
		above, err := r.find.account(path[:i])
		if err != nil {
			return err
		}
		in.Parent, own = above, path[i+1:]
	}
	if n, err := strconv.ParseInt(own, 10, 64); err == nil && n > 0 && in.Number == 0 {
		in.Number = n
		return nil
	}
	if in.Code != "" {
		return fmt.Errorf("--code: the path ends with a code already, %q", own)
	}
	in.Code = own
	return nil
}

// deleted says what a deletion did.
func deleted(s *screen, out *api.Deleted) error {
	return s.line("deleted, %s", counted(out.Ended, "session ended", "sessions ended"))
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
