package main

import (
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newUsage() *cobra.Command {
	to := new(target)
	list := operation[api.UsageQuery, api.Usage]{op: &api.UsageList, call: (*client.Client).UsageList,
		server: "usage list: a server counts this in its memory, and it is not in the database: ask the server, with --server",
		show: func(s *screen, out *api.Usage) error {
			return table(s, out.Items, "path", "kind", "subject", "dialects", "logins", "while_live", "while_live_share", "refused", "checks", "logins_per_check", "never_used",
				"age_at_last_use", "cost_commits", "cost_rows", "cost_hashing", "last_login", "sources")
		},
		remark: func(out *api.Usage) string {
			return "since " + out.Since.UTC().Format(time.RFC3339) + ", over the server that was asked"
		}}
	return group("usage", "Which clients log in before every call", to, list.command(to))
}
