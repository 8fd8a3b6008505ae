package main

import (
	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve [--config FILE]",
		Short: "Run the server",
		Long: "Run the server until SIGTERM or SIGINT, then answer what was begun and stop;\n" +
			"a second signal ends it at once. The configuration is read once, at the start.\n" +
			"At the very first start the key set and the database are created.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			cfg, err := loadConfig(file)
			if err != nil {
				return err
			}
			s, err := server.New(cmd.Context(), cfg, server.Options{Log: cmd.ErrOrStderr(), Version: versionLine()})
			if err != nil {
				return err
			}
			defer ignoreHangup(s.Remark)()
			return s.Run(cmd.Context())
		}),
	}
	addConfig(cmd, &file)
	return cmd
}
