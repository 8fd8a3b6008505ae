package main

import (
	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newBackup() *cobra.Command {
	var file string
	var o server.BackupOptions
	cmd := &cobra.Command{
		Use:   "backup [--config FILE] --to FILE",
		Short: "Copy the database into a new file, while the server runs, and check the copy",
		Long: "Copy the database into a new file and check the copy from end to end: its structure,\n" +
			"the audit and its seal, and that the key set fits. The server may run meanwhile.\n" +
			"The key set is not in it: copy it with --keys-to, and keep it elsewhere.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			o.Out = cmd.OutOrStdout()
			return server.Backup(cmd.Context(), cfg, o)
		}),
	}
	f := cmd.Flags()
	addConfig(cmd, &file)
	f.StringVar(&o.To, "to", "", "new file for the database")
	f.StringVar(&o.Keys, "keys-to", "", "new file for the key set (default: it is not copied)")
	addJSON(cmd, &o.JSON)
	require(cmd, "to")
	return cmd
}

func newRestore() *cobra.Command {
	var file string
	var o server.RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore [--config FILE] --from FILE",
		Short: "Put a backup in the place of the database",
		Long: "Put a backup in the place of the database. Stop the server first, and restore the key\n" +
			"set that belongs to the backup. The backup is checked from end to end before anything\n" +
			"is touched. Its sessions are ended, because it does not know which of them were ended\n" +
			"after it was made.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			o.Actor, o.Out = server.Operator(), cmd.OutOrStdout()
			return server.Restore(cmd.Context(), cfg, o)
		}),
	}
	f := cmd.Flags()
	addConfig(cmd, &file)
	f.StringVar(&o.From, "from", "", "file that backup wrote")
	f.BoolVar(&o.Replace, "replace", false, "move a database that is there aside")
	f.BoolVar(&o.KeepSessions, "keep-sessions", false, "let the sessions of the backup go on")
	addJSON(cmd, &o.JSON)
	require(cmd, "from")
	return cmd
}
