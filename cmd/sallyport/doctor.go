package main

import (
	"errors"

	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [--config FILE]",
		Short: "Look for what is wrong, and say how to mend it",
		Long: "Look at the configuration and at everything it names: certificate, clock, disk, key set,\n" +
			"database, dialects, listeners. Each finding is ok, warn or bad, and says how to mend it;\n" +
			"if one is bad the exit code is 1. Run it as the server's user. The server may run\n" +
			"meanwhile. Nothing is changed, and no other machine is asked but the database's.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			found := server.Examine(cmd.Context(), file)
			write := found.Write
			if asJSON {
				write = found.WriteJSON
			}
			return errors.Join(write(cmd.OutOrStdout()), found.Err())
		}),
	}
	addConfig(cmd, &file)
	addJSON(cmd, &asJSON)
	return cmd
}
