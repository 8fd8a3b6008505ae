package main

import (
	"fmt"

	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Look after the server's key set",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRotate())
	return cmd
}

func newRotate() *cobra.Command {
	var file string
	var o server.RotateOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rotate [--config FILE] [--prepare | --alone]",
		Short: "Put a new primary key into the key set",
		Long: "Put a new primary key into the key set. What the older keys made goes on being good:\n" +
			"no client notices. A running server takes the new key up within seconds. Back the\n" +
			"file up first, and again afterwards: without it no token and no API key can be checked.\n\n" +
			"Where several servers share a database, run it with --prepare, copy the file to every\n" +
			"one, and once each has taken it up, run it without: this puts the prepared key to use.\n" +
			"Then copy the file to every server again.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			done, err := server.RotateKeys(cfg, o)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), done)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), rotatedWords(&done))
			return err
		}),
	}
	addConfig(cmd, &file)
	addJSON(cmd, &asJSON)
	f := cmd.Flags()
	f.BoolVar(&o.Prepare, "prepare", false, "add the key without using it, so that every server can have it first")
	f.BoolVar(&o.Alone, "alone", false, "no other server shares the PostgreSQL database: use a new key at once")
	apart(cmd, "prepare", "alone", "a server that is alone has nobody to prepare for, so say --alone; where there are others say --prepare")
	return cmd
}

// rotatedWords say to people what a rotation did, and what is next.
func rotatedWords(done *server.Rotated) string {
	switch {
	case done.Prepared:
		return fmt.Sprintf("%s has %d keys now, one of them prepared and not in use. Copy the file to every server, wait until each\n"+
			"has logged \"key set taken up\", then run `sallyport keys rotate` here.", done.File, done.Keys)
	case done.Promoted:
		return fmt.Sprintf("%s has %d keys now, the first of them the one that was prepared. A running server takes it up within\n"+
			"seconds. Copy the file to every server that shares the database.", done.File, done.Keys)
	}
	return fmt.Sprintf("%s has %d keys now, the first of them new. A running server takes it up within seconds.", done.File, done.Keys)
}
