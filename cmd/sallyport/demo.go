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
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything on this machine, with example customers",
		Long: "Run the server over plain HTTP, for this machine only, with example customers whose\n" +
			"keys everybody knows, every dialect mounted for every host, and an API behind the gate\n" +
			"that says what reached it. Prints commands to paste. Nothing stays behind unless --data\n" +
			"names a directory.",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			o.AdminElsewhere = !cmd.Flags().Changed("admin-addr")
			o.Log = cmd.ErrOrStderr()
			d, err := server.NewDemo(cmd.Context(), o)
			if err != nil {
				return err
			}
			if err := printDemo(cmd.OutOrStdout(), d, asJSON); err != nil {
				return errors.Join(err, d.Close())
			}
			return d.Run(cmd.Context())
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.Addr, "addr", "127.0.0.1:8080", "loopback address to listen at")
	f.StringVar(&o.Admin, "admin-addr", "127.0.0.1:8081", "loopback address for console, API, metrics and profiles; unless it is given, another port if that one is taken")
	f.StringVar(&o.Data, "data", "", "directory for key set and database (default a temporary one)")
	addJSON(cmd, &asJSON)
	return cmd
}

// shownDemo is what the demo prints before it runs.
type shownDemo struct {
	Address  string           `json:"address"`
	Console  string           `json:"console,omitempty"`
	Metrics  string           `json:"metrics,omitempty"`
	User     string           `json:"user"` // of the console
	Password string           `json:"password"`
	Examples []server.Example `json:"examples"`
}

func printDemo(w io.Writer, d *server.Demo, asJSON bool) error {
	s := shownDemo{Address: "http://" + d.Addr().String(), User: "admin", Password: "demo-admin-password", Examples: d.Examples()}
	if admin := d.AdminAddr(); admin != nil {
		s.Console, s.Metrics = "http://"+admin.String(), "http://"+admin.String()+"/metrics"
	}
	if asJSON {
		return writeJSON(w, s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Sallyport demo at %s, for this machine only. Ctrl-C ends it.\n", s.Address)
	if s.Console != "" {
		fmt.Fprintf(&b, "Console at %s, user name %s, password %s\n", s.Console, s.User, s.Password)
		fmt.Fprintf(&b, "Metrics at %s\n", s.Metrics)
	}
	for _, e := range s.Examples {
		fmt.Fprintf(&b, "\n# %s: log in\n%s\n# %s: a checked call\n%s\n", e.Title, e.Login, e.Title, e.Call)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
