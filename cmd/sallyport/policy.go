package main

import (
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newPolicy() *cobra.Command {
	to := new(target)
	create := operation[api.NewPolicy, api.Policy]{op: &api.PolicyCreate, call: (*client.Client).PolicyCreate, show: record[api.Policy],
		arg: "POLICY", read: argument(func(in *api.NewPolicy) *string { return &in.Name }), aside: []string{"Name"}}
	update := operation[api.PolicyChange, api.Policy]{op: &api.PolicyUpdate, call: (*client.Client).PolicyUpdate, show: record[api.Policy],
		arg: "POLICY", read: argument(func(in *api.PolicyChange) *string { return &in.Name }), aside: []string{"Name"}}
	remove := operation[api.PolicyRemoval, api.Deleted]{op: &api.PolicyDelete, call: (*client.Client).PolicyDelete,
		arg: "POLICY", read: argument(func(in *api.PolicyRemoval) *string { return &in.Name }), aside: []string{"Name"},
		show: func(s *screen, _ *api.Deleted) error { return s.line("deleted") }}
	return group("policy", "How long sessions live, by names that keys and users have", to,
		list(&api.PolicyList, (*client.Client).PolicyList, func(in *api.Page) *api.Page { return in },
			"name", "span", "idle", "uses", "expire_on_new", "never").command(to),
		create.command(to), update.command(to), remove.command(to))
}
