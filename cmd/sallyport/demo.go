package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
)

func newDemo() *cobra.Command {
	var o server.DemoOptions
	var admin string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on this machine, with example customers",
		Long: "Run the server over plain HTTP, for this machine only, with example customers whose\n" +
			"keys everybody knows, every dialect mounted for every host, and an API behind the gate\n" +
			"that says what reached it. Prints commands to paste. Nothing stays behind unless --data\n" +
			"names a directory.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			if err := server.CheckLoopback(admin); err != nil {
				return err
			}
			o.Log = cmd.ErrOrStderr()
			d, err := server.NewDemo(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := printDemo(cmd.OutOrStdout(), d); err != nil {
				return errors.Join(err, d.Close())
			}
			return d.Run(cmd.Context())
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "loopback address to listen at")
	f.StringVar(&admin, "admin-addr", "127.0.0.1:8081", "loopback address kept for administration; nothing listens there yet")
	f.StringVar(&o.Data, "data", "", "directory for key set and database (default a temporary one)")
	return cmd
}

func printDemo(w io.Writer, d *server.Demo) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Sallyport demo at http://%s, for this machine only. Ctrl-C ends it.\n", d.Addr())
	for _, e := range d.Examples() {
		fmt.Fprintf(&b, "\n# %s: log in\n%s\n# %s: a checked call\n%s\n", e.Title, e.Login, e.Title, e.Call)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
