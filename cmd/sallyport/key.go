package main

import (
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newKey() *cobra.Command {
	to := new(target)
	show := operation[api.ByID, api.Key]{op: &api.KeyShow, call: (*client.Client).KeyShow, show: record[api.Key],
		arg: "KEY", read: byName((*finder).key, func(in *api.ByID) *int64 { return &in.ID })}
	create := operation[api.NewKey, api.KeyWithSecret]{op: &api.KeyCreate, call: (*client.Client).KeyCreate, show: record[api.KeyWithSecret], remark: shownOnce,
		arg: "ACCOUNT", read: byName((*finder).account, func(in *api.NewKey) *int64 { return &in.Account }), aside: []string{"Account"}, needs: []string{"name"}}
	rotate := operation[api.KeyRotation, api.KeyWithSecret]{op: &api.KeyRotate, call: (*client.Client).KeyRotate, show: record[api.KeyWithSecret], remark: shownOnce,
		arg: "KEY", read: byName((*finder).key, func(in *api.KeyRotation) *int64 { return &in.ID })}
	update := operation[api.KeyChange, api.Key]{op: &api.KeyUpdate, call: (*client.Client).KeyUpdate, show: record[api.Key],
		arg: "KEY", read: byName((*finder).key, func(in *api.KeyChange) *int64 { return &in.ID })}
	remove := operation[api.Removal, api.Deleted]{op: &api.KeyDelete, call: (*client.Client).KeyDelete, show: deleted,
		arg: "KEY", read: byName((*finder).key, func(in *api.Removal) *int64 { return &in.ID })}
	created, rotated := create.command(to), rotate.command(to)
	created.Example = "  sallyport key create ACME/123456 --name main --network 192.0.2.0/24 --expires 1y"
	rotated.Example = "  sallyport key rotate ACME/123456/main --overlap 14d --why 'yearly'"
	return group("key", "API keys of customers (for the server's own key set: sallyport keys)", to,
		list(&api.KeyList, (*client.Client).KeyList, func(in *api.MemberQuery) *api.Page { return &in.Page },
			"id", "account", "name", "policy", "role", "networks", "expires", "last_used", "disabled").command(to),
		show.command(to), created, rotated, update.command(to), remove.command(to))
}

// shownOnce is said beside a new secret, where it does not get into a pipe.
func shownOnce(out *api.KeyWithSecret) string {
	text := "The secret is shown this once: nobody can read it again."
	if out.Old == nil {
		return text
	}
	if out.Old.Expires == nil { // it always has one after a rotation
		return text
	}
	return text + " The old key, " + harmless(out.Old.Name) + ", is good until " + out.Old.Expires.UTC().Format(time.RFC3339) + "."
}
