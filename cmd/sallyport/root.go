package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1 // what was asked failed
	exitUsage = 2 // it was asked wrongly
)

// failure is an error of a command that was called properly. All other errors
// are cobra's, about the command line.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// does makes a command of a function.
func does(f func(cmd *cobra.Command) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := f(cmd); err != nil {
			return failure{err}
		}
		return nil
	}
}

// run is the program with its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return runRoot(ctx, newRoot(), args, stdout, stderr)
}

func runRoot(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	_, _ = fmt.Fprintf(stderr, "sallyport: %s\n", harmlessLines(err.Error()))
	if errors.As(err, new(failure)) {
		return exitError
	}
	_, _ = fmt.Fprintf(stderr, "See %q.\n", cmd.CommandPath()+" --help")
	return exitUsage
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sallyport",
		Short: "The login server that speaks the logins your API's clients already speak",
		Long: "Sallyport stands before an API, takes the logins that its clients have always sent,\n" +
			"and checks every later call with one modern session core.\n\n" +
			"To look around: sallyport demo. To begin with a server of your own: sallyport init.",
		Args:          cobra.NoArgs,
		SilenceErrors: true, // run says them
		SilenceUsage:  true, // a failed start is no reason to explain all flags
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.Version = versionLine()
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version") // else cobra adds -v, which elsewhere is verbose
	root.SetHelpCommand(newHelp())
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"run", "Run a server:", []*cobra.Command{newInit(), newServe(), newDemo(), newDoctor(), newKeys(), newBackup(), newRestore(), newMigrateStore()}},
		{"administer", "Administer it:", []*cobra.Command{newApply(), newAccount(), newKey(), newUser(), newApp(), newPolicy(), newSession(), newLock(),
			newAudit(), newUsage(), newServer()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
			root.AddCommand(cmd)
		}
	}
	root.AddCommand(newVersion())
	return root
}

// newHelp is cobra's help command, but for what it does with a command that there
// is not: that is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("unknown command %q for %q", strings.Join(args, " "), cmd.Root().Name())
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// require marks flags without which a command cannot run.
func require(cmd *cobra.Command, flags ...string) {
	for _, f := range flags {
		if err := cmd.MarkFlagRequired(f); err != nil {
			panic(err) // a flag that the command does not have
		}
	}
}

// apart marks two flags that a command does not take together, and says why. What
// cobra would say of them is for whoever wrote the program.
func apart(cmd *cobra.Command, one, other, why string) {
	cmd.MarkFlagsMutuallyExclusive(one, other) // for the completion
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if f := cmd.Flags(); f.Changed(one) && f.Changed(other) {
			return fmt.Errorf("--%s and --%s do not go together: %s", one, other, why)
		}
		if before == nil {
			return nil
		}
		return before(cmd, args)
	}
}
