package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sallyport/sallyport/server"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newMigrateStore() *cobra.Command {
	var o server.MigrateOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "migrate-store --from sqlite:FILE --to postgres:URL",
		Short: "Move the database from its file into PostgreSQL, or back",
		Long: "Move everything from one database into another, which has to be empty: accounts, keys,\n" +
			"users, live sessions, locks, the audit, and where ids go on. Stop the server first.\n" +
			"Whatever interrupts it, run it again and it goes on. Every row is read back and compared\n" +
			"before the target can be served; the source stays as it is.\n\n" +
			"The key set is not moved: servers on the target need the one of the source. Whether the\n" +
			"one of --keys is that, and the audit whole under it, is checked before anything is made:\n" +
			"a broken audit is not moved. A password belongs in the file that PGPASSFILE names.",
		Example: "  sallyport migrate-store --from sqlite:/var/lib/sallyport/sallyport.db \\\n" +
			"    --to 'postgres://sallyport@db1,db2/sallyport?sslmode=verify-full' --keys /var/lib/sallyport/keys.json",
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command) error {
			p := newProgress(cmd.ErrOrStderr())
			o.Actor, o.Progress, o.Log = server.Operator(), p.show, cmd.ErrOrStderr()
			report, err := server.MigrateStore(cmd.Context(), o)
			p.end()
			if err != nil {
				return err
			}
			return tellMigration(cmd.OutOrStdout(), &report, asJSON)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&o.From, "from", "", "database to move: sqlite:FILE, or postgres:URL to go back")
	f.StringVar(&o.To, "to", "", "empty database to move it into")
	f.StringVar(&o.Keys, "keys", "", "key set of the database (default keys.json beside the file, if it is there)")
	f.BoolVar(&asJSON, "json", false, "write the report as JSON")
	require(cmd, "from", "to")
	return cmd
}

func tellMigration(w io.Writer, r *server.MigrateReport, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	if r.Already {
		_, err := fmt.Fprintf(w, "%s is in %s already: nothing was done\n", r.From, r.To)
		return err
	}
	for _, t := range r.Tables {
		if _, err := fmt.Fprintf(w, "%12d  %s\n", t.Rows, t.Table); err != nil {
			return err
		}
	}
	keys := "the key set was not moved: give every server on it a copy of the one that belongs to it"
	if r.Keys {
		keys = "the key set fits: give every server on it a copy"
	}
	if doubt := r.Doubt(); doubt != "" {
		keys += "\n" + doubt
	}
	_, err := fmt.Fprintf(w, "moved from %s to %s: %d rows, each read back and compared\naudit head %s\n%s\n"+
		"name it as data in the configuration, and do not serve the old one again: what is ended in one goes on in the other\n",
		r.From, r.To, r.Rows, r.Head, keys)
	return err
}

// progress tells people how far a move is: on a terminal in one line, elsewhere a
// line every few seconds.
type progress struct {
	w     io.Writer
	now   func() time.Time
	lines bool
	pause time.Duration
	phase string
	since time.Time // of the phase
	last  time.Time // that something was written
	width int       // of the line that stands there
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, now: time.Now, lines: true, pause: 5 * time.Second}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.lines, p.pause = false, 200*time.Millisecond
	}
	return p
}

func (p *progress) show(at server.MigrateProgress) {
	now := p.now()
	if string(at.Phase) != p.phase {
		p.phase, p.since, p.last = string(at.Phase), now, time.Time{}
		p.end()
	}
	if now.Sub(p.last) < p.pause && at.Rows < at.Total {
		return
	}
	p.last = now
	text := fmt.Sprintf("%s: %d of %d rows", at.Phase, at.Rows, at.Total)
	if took := now.Sub(p.since).Seconds(); took >= 1 {
		text += fmt.Sprintf(", %.0f a second", float64(at.Rows-at.Earlier)/took)
	}
	text += ", " + at.Table
	if p.lines {
		_, _ = fmt.Fprintln(p.w, text)
		return
	}
	_, _ = fmt.Fprintf(p.w, "\r%-*s", p.width, text)
	p.width = len(text)
}

// end leaves the line on a terminal.
func (p *progress) end() {
	if p.width > 0 {
		_, _ = fmt.Fprintln(p.w)
		p.width = 0
	}
}
