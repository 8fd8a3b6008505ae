package main

import (
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newLock() *cobra.Command {
	to := new(target)
	lift := operation[api.LockLifting, api.Lifted]{op: &api.LockLift, call: (*client.Client).LockLift, oneOf: []string{"name", "lock"},
		show: func(s *screen, out *api.Lifted) error {
			return s.line("%s lifted", counted(out.Lifted, "lock", "locks"))
		}}
	lifted := lift.command(to)
	lifted.Example = "  sallyport lock lift --name 123456"
	return group("lock", "Who is locked out after failures, and why", to,
		list(&api.LockList, (*client.Client).LockList, func(in *api.LockQuery) *api.Page { return &in.Page },
			"name", "kind", "mount", "known", "account", "counted", "failures", "allowed", "limit", "window", "first", "newest", "source", "until", "lock").command(to),
		lifted)
}
