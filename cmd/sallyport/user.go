package main

import (
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

// askPassword is the flag that has a password read.
const askPassword = "ask-password"

func newUser() *cobra.Command {
	to := new(target)
	show := operation[api.ByID, api.User]{op: &api.UserShow, call: (*client.Client).UserShow, show: record[api.User],
		arg: "USER", read: byName((*finder).user, func(in *api.ByID) *int64 { return &in.ID })}
	create := operation[api.NewUser, api.User]{op: &api.UserCreate, call: (*client.Client).UserCreate, show: record[api.User],
		arg: "ACCOUNT", read: byName((*finder).account, func(in *api.NewUser) *int64 { return &in.Account }),
		aside: []string{"Account", "Password"}, needs: []string{"name"},
		extra: func(cmd *cobra.Command) {
			cmd.Flags().Bool(askPassword, false, "read a password, from the terminal or as the first line of standard input; without one the user cannot log in")
		},
		prepare: func(r *request, in *api.NewUser) (err error) {
			if ask, err := r.Flags().GetBool(askPassword); err != nil || !ask {
				return err
			}
			in.Password, err = r.readPassword(in.Name)
			return err
		},
		remark: func(out *api.User) string {
			if out.HasPassword {
				return ""
			}
			return "Without a password the user cannot log in: sallyport user set-password"
		}}
	update := operation[api.UserChange, api.User]{op: &api.UserUpdate, call: (*client.Client).UserUpdate, show: record[api.User],
		arg: "USER", read: byName((*finder).user, func(in *api.UserChange) *int64 { return &in.ID })}
	password := operation[api.NewPassword, api.Deleted]{op: &api.UserPassword, call: (*client.Client).UserSetPassword,
		arg: "USER", read: byName((*finder).user, func(in *api.NewPassword) *int64 { return &in.ID }), aside: []string{"Password"},
		prepare: func(r *request, in *api.NewPassword) (err error) {
			in.Password, err = r.readPassword("the user")
			return err
		},
		show: func(s *screen, out *api.Deleted) error {
			return s.line("the password is set, %s", counted(out.Ended, "session ended", "sessions ended"))
		}}
	remove := operation[api.Removal, api.Deleted]{op: &api.UserDelete, call: (*client.Client).UserDelete, show: deleted,
		arg: "USER", read: byName((*finder).user, func(in *api.Removal) *int64 { return &in.ID })}
	set := password.command(to)
	set.Long += "\nIt is read from the terminal, or as the first line of standard input."
	return group("user", "People and robots with a login name and a password", to,
		list(&api.UserList, (*client.Client).UserList, func(in *api.UserQuery) *api.Page { return &in.Page },
			"id", "account", "name", "active", "role", "policy", "second_factor", "last_sign_in").command(to),
		show.command(to), create.command(to), update.command(to), set, remove.command(to))
}
