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

// rotated is what a rotation did.
type rotated struct {
	File string `json:"file"`
	Keys int    `json:"keys"` // that the set has now, the new one included
}

func newRotate() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "rotate [--config FILE]",
		Short: "Put a new primary key into the key set",
		Long: "Put a new primary key into the key set. What the older keys made goes on being good:\n" +
			"no client notices. A running server takes the new key up within seconds. Back the\n" +
			"file up first, and again afterwards: without it no token and no API key can be checked.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			n, err := server.RotateKeys(cfg.Keys)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), rotated{cfg.Keys, n})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has %d keys now, the first of them new. A running server takes it up within seconds.\n", cfg.Keys, n)
			return err
		}),
	}
	addConfig(cmd, &file)
	addJSON(cmd, &asJSON)
	return cmd
}
