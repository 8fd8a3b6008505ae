package main

import (
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newSession() *cobra.Command {
	to := new(target)
	show := operation[api.ByID, api.Session]{op: &api.SessionShow, call: (*client.Client).SessionShow, show: record[api.Session],
		arg: "SESSION", read: sessionID(func(in *api.ByID) *int64 { return &in.ID })}
	end := operation[api.Removal, api.Ended]{op: &api.SessionEnd, call: (*client.Client).SessionEnd, show: ended,
		arg: "SESSION", read: sessionID(func(in *api.Removal) *int64 { return &in.ID })}
	endAll := operation[api.EndAll, api.Ended]{op: &api.SessionEndAll, call: (*client.Client).SessionEndAll, show: ended,
		oneOf: []string{"key", "user", "account"},
		extra: func(cmd *cobra.Command) { cmd.Flags().Bool("yes", false, "do not ask whether this is meant") },
		each:  endAllMeant}
	all := endAll.command(to)
	all.Long += "\nOn a terminal it asks before; elsewhere it wants --yes."
	all.Example = "  sallyport session end-all --account ACME/123456 --dry-run"
	return group("session", "Who is logged in", to,
		list(&api.SessionList, (*client.Client).SessionList, func(in *api.SessionQuery) *api.Page { return &in.Page },
			"id", "path", "kind", "subject", "dialect", "source", "issued", "ends", "last_used", "live").command(to),
		show.command(to), end.command(to), all)
}

func sessionID[In any](field func(*In) *int64) func(*request, *In, string) error {
	return func(_ *request, in *In, arg string) error {
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || n <= 0 {
			return fmt.Errorf("%q is no session: they are numbers, see `sallyport session list`", arg)
		}
		*field(in) = n
		return nil
	}
}

func ended(s *screen, out *api.Ended) error {
	if out.DryRun {
		return s.line("%s; nothing was changed: this was a dry run", counted(out.Ended, "session would end", "sessions would end"))
	}
	return s.line("%s", counted(out.Ended, "session ended", "sessions ended"))
}

// endAllMeant asks, with the number of what would end, before it ends anything.
func endAllMeant(r *request, in api.EndAll, call caller[api.EndAll, api.Ended]) (api.Ended, error) {
	yes, err := r.Flags().GetBool("yes")
	if err != nil || yes || in.DryRun {
		return call(in)
	}
	dry := in
	dry.DryRun = true
	would, err := call(dry)
	if err != nil {
		return would, err
	}
	var whose string
	for _, flag := range []string{"key", "user", "account"} {
		if f := r.Flags().Lookup(flag); f.Changed {
			whose = flag + " " + f.Value.(*inputFlag).reference
		}
	}
	if err := r.confirm(fmt.Sprintf("End %s of %s?", counted(would.Ended, "session", "sessions"), whose)); err != nil {
		return would, err
	}
	return call(in)
}
