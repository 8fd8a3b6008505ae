package main

import (
	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newApply() *cobra.Command {
	var o server.ApplyOptions
	var file string
	cmd := &cobra.Command{
		Use:   "apply -f FILE [--config FILE | --data FILE [--keys FILE]]",
		Short: "Create or change accounts, keys, apps, users and policies as a file says",
		Long: "Bring accounts, keys, apps, users and policies to what a file says; what it does not\n" +
			"mention is left alone. Prints what it does, and the secrets it makes, once. The server\n" +
			"may run meanwhile, and obeys within a second.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			if file != "" {
				cfg, err := loadConfig(file)
				if err != nil {
					return err
				}
				o.Data, o.Keys = cfg.Data, cfg.Keys
			}
			o.Actor, o.In, o.Out, o.Log = server.Operator(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return named("--file", o.File, server.Apply(cmd.Context(), o))
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&o.File, "file", "f", "", "the customers, YAML; - for standard input")
	addConfig(cmd, &file)
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		switch {
		case o.Data != "":
			o.Keys, err = keysOf(o.Data, o.Keys)
			return err
		case o.Keys != "":
			return errKeysAlone
		}
		return findConfig(&file)
	}
	f.StringVar(&o.Data, "data", "", "database, a file or postgres://..., without a configuration")
	f.StringVar(&o.Keys, "keys", "", "the key set of --data (default keys.json beside the file)")
	f.BoolVar(&o.DryRun, "dry-run", false, "only print what would be done")
	addJSON(cmd, &o.JSON)
	require(cmd, "file")
	apart(cmd, "config", "data", "the configuration names a database already")
	return cmd
}
