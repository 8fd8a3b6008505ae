package main

import (
	"os"

	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newInit() *cobra.Command {
	var o server.InitOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a configuration, key set, database and the first administrator in a folder",
		Long: "Make what a server needs to start: a configuration with comments, a file with an example\n" +
			"customer, the key set, the database, a certificate to try with, and the first administrator,\n" +
			"whose password is printed this once. Prints what to paste next. Nothing that is there\n" +
			"is replaced, and if anything fails nothing is left behind.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			o.Program, o.Out = os.Args[0], cmd.OutOrStdout()
			return server.Init(cmd.Context(), o)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", ".", "the folder; it is made if it is not there")
	f.StringArrayVar(&o.Dialects, "dialect", nil, "dialect to serve, may be repeated (default electa and oauth2)")
	f.StringVar(&o.Listen, "listen", "127.0.0.1:8443", "address for logins and for the gate")
	f.StringVar(&o.AdminListen, "admin-listen", "127.0.0.1:8081", "address for administration, on this machine")
	f.StringArrayVar(&o.Hosts, "host", nil, "name or address for the certificate beside localhost and 127.0.0.1, may be repeated")
	f.BoolVar(&o.NoTLS, "no-tls", false, "a proxy on this machine speaks https to the world")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate (chain) to use, PEM (default: one is made, to try with)")
	f.StringVar(&o.TLSKey, "tls-key", "", "its key")
	f.StringVar(&o.Admin, "admin", "admin", "user name of the first administrator")
	addJSON(cmd, &o.JSON)
	return cmd
}
