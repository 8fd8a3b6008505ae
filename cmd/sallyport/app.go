package main

import (
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newApp() *cobra.Command {
	to := new(target)
	create := operation[api.NewApp, api.App]{op: &api.AppCreate, call: (*client.Client).AppCreate, show: record[api.App],
		arg: "APP", read: argument(func(in *api.NewApp) *string { return &in.Key }), aside: []string{"Key"}, needs: []string{"account"}}
	update := operation[api.AppChange, api.App]{op: &api.AppUpdate, call: (*client.Client).AppUpdate, show: record[api.App],
		arg: "APP", read: argument(func(in *api.AppChange) *string { return &in.Key }), aside: []string{"Key"}}
	remove := operation[api.AppRemoval, api.Deleted]{op: &api.AppDelete, call: (*client.Client).AppDelete,
		arg: "APP", read: argument(func(in *api.AppRemoval) *string { return &in.Key }), aside: []string{"Key"},
		show: func(s *screen, _ *api.Deleted) error { return s.line("deleted") }}
	return group("app", "Client programs, named by application keys", to,
		list(&api.AppList, (*client.Client).AppList, func(in *api.MemberQuery) *api.Page { return &in.Page },
			"key", "account", "name", "disabled").command(to),
		create.command(to), update.command(to), remove.command(to))
}
