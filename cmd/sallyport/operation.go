package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

// operation is the command of an operation of the administration API. What the table
// of the API says of it is taken from there: its name, what it does, and a flag for
// each field of the input that no argument stands for.
type operation[In, Out any] struct {
	op   *api.Op[In, Out]
	call func(*client.Client, context.Context, In) (Out, error)
	show func(s *screen, out *Out) error // for people; with --json it is the API's own; nil: each has printed all

	arg     string                                                     // the argument, as the help calls it; "": there is none
	read    func(r *request, in *In, arg string) error                 // the argument
	needs   []string                                                   // flags that have to be there
	oneOf   []string                                                   // flags of which exactly one has to be there
	aside   []string                                                   // fields of the input that are no flags
	extra   func(cmd *cobra.Command)                                   // flags beside the input's
	prepare func(r *request, in *In) error                             // runs after all is read: passwords, confirmation
	each    func(r *request, in In, call caller[In, Out]) (Out, error) // runs it instead of one call
	remark  func(out *Out) string                                      // on standard error: what must not be in a pipe
	verdict func(out *Out) error                                       // an answer that is a failure all the same
	server  string                                                     // why it needs a server that runs; "": it does not
	beside  string                                                     // on standard error, where it works on the database itself
}

type caller[In, Out any] func(In) (Out, error)

// request is one run of an operation's command.
type request struct {
	*cobra.Command
	*client.Client
	find  *finder
	local bool // on the database itself, not over a server
}

func (r *request) ctx() context.Context { return r.Context() }

// remark says something beside the output, so that this can be piped.
func (r *request) remark(format string, args ...any) {
	_, _ = fmt.Fprintf(r.ErrOrStderr(), format+"\n", args...)
}

// command makes the command, for the group that its name begins with.
func (o operation[In, Out]) command(to *target) *cobra.Command {
	var in In
	flags := inputFlags(reflect.ValueOf(&in).Elem(), o.op.Output(), o.aside)
	short, _, _ := strings.Cut(strings.TrimSuffix(o.op.Summary, "."), ". ")
	noun, verb, _ := strings.Cut(o.op.Name, " ")
	long := strings.ReplaceAll(o.op.Summary, ". ", ".\n") + "\nWhere it goes and what things are called: sallyport " + noun + " --help."
	cmd := &cobra.Command{Use: verb, Short: short, Long: long, Args: cobra.NoArgs}
	if o.arg != "" {
		cmd.Use += " " + o.arg
		cmd.Args = cobra.MaximumNArgs(1)
		complete := to.complete(o.arg)
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, text string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return complete(cmd, args, text)
		}
	}
	for _, f := range flags {
		f.add(cmd, to)
	}
	if o.extra != nil {
		o.extra(cmd)
	}
	require(cmd, o.needs...)
	if len(o.oneOf) > 0 {
		cmd.MarkFlagsOneRequired(o.oneOf...)
		cmd.MarkFlagsMutuallyExclusive(o.oneOf...)
	}
	cmd.Flags().SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.asked(cmd, args); err != nil {
			return err
		}
		open, err := to.opener()
		if err != nil {
			return err
		}
		if err := o.run(cmd, open, &in, flags, args); err != nil {
			return failure{err}
		}
		return nil
	}
	return cmd
}

// asked refuses what cannot be meant.
func (o *operation[In, Out]) asked(cmd *cobra.Command, args []string) error {
	id := cmd.Flags().Lookup("id")
	switch {
	case o.arg == "":
	case id != nil && id.Changed == (len(args) > 0):
		return fmt.Errorf("state %s, or --id", o.arg)
	case id == nil && len(args) == 0:
		return fmt.Errorf("state %s", o.arg)
	}
	if strings.HasSuffix(o.op.Name, " update") && !changes(cmd, reflect.TypeFor[In]()) {
		return errors.New("say what to change: nothing is")
	}
	return nil
}

// changes says whether a flag states a field of the body, other than the reason.
func changes(cmd *cobra.Command, in reflect.Type) bool {
	for _, f := range reflect.VisibleFields(in) {
		flag := cmd.Flags().Lookup(flagName(f))
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "why" && flag != nil && flag.Changed {
			return true
		}
	}
	return false
}

func (o *operation[In, Out]) run(cmd *cobra.Command, open opener, in *In, flags []*inputFlag, args []string) (err error) {
	c, local, done, err := open(cmd.Context(), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	r := &request{Command: cmd, Client: c, find: newFinder(cmd.Context(), c), local: local}
	if local && o.server != "" {
		return errors.New(o.server)
	}
	for _, f := range flags {
		if err := f.resolve(r.find); err != nil {
			return err
		}
	}
	if len(args) > 0 {
		if err := o.read(r, in, args[0]); err != nil {
			return err
		}
	}
	if o.prepare != nil {
		if err := o.prepare(r, in); err != nil {
			return err
		}
	}
	call := func(in In) (Out, error) { return o.call(c, cmd.Context(), in) }
	var out Out
	if o.each != nil {
		out, err = o.each(r, *in, call)
	} else {
		out, err = call(*in)
	}
	if err != nil {
		return err
	}
	return o.print(r, &out)
}

func (o *operation[In, Out]) print(r *request, out *Out) error {
	if o.show == nil {
		return nil
	}
	if asJSON, err := r.Flags().GetBool("json"); err != nil || asJSON {
		if err := errors.Join(err, writeJSON(r.OutOrStdout(), out)); err != nil {
			return err
		}
	} else if err := o.show(&screen{r.OutOrStdout(), r.find}, out); err != nil {
		return err
	}
	if o.remark != nil {
		if text := o.remark(out); text != "" {
			r.remark("%s", text)
		}
	}
	if r.local && o.beside != "" {
		r.remark("%s", o.beside)
	}
	if o.verdict != nil {
		return o.verdict(out)
	}
	return nil
}

// list is the operation of a list, with columns of its items for people.
func list[In, Item any](op *api.Op[In, api.List[Item]], call func(*client.Client, context.Context, In) (api.List[Item], error), page func(*In) *api.Page, columns ...string) operation[In, api.List[Item]] {
	type out = api.List[Item]
	return operation[In, out]{op: op, call: call,
		extra: func(cmd *cobra.Command) { cmd.Flags().Bool("all", false, "all pages, not only one") },
		show:  func(s *screen, l *out) error { return table(s, l.Items, columns...) },
		each: func(r *request, in In, call caller[In, out]) (out, error) {
			if all, err := r.Flags().GetBool("all"); err != nil || !all {
				return call(in)
			}
			whole := out{Items: []Item{}}
			for one, err := range client.All(func(after string) (out, error) {
				if after != "" {
					page(&in).After = after
				}
				return call(in)
			}) {
				if err != nil {
					return whole, err
				}
				whole.Items = append(whole.Items, one)
			}
			return whole, nil
		},
		remark: func(l *out) string {
			switch {
			case l.Next != "" && len(l.Items) == 0:
				return "nothing on this page, but there may be more: --all, or --after " + l.Next
			case l.Next != "":
				return "there may be more: --all, or --after " + l.Next
			case len(l.Items) == 0:
				return "there is nothing to show"
			}
			return ""
		}}
}

// argument reads an argument that stands as it is.
func argument[In any](field func(*In) *string) func(*request, *In, string) error {
	return func(_ *request, in *In, arg string) error {
		*field(in) = arg
		return nil
	}
}

// byName reads an argument that names a record, for its id.
func byName[In any](find func(*finder, string) (int64, error), field func(*In) *int64) func(*request, *In, string) error {
	return func(r *request, in *In, arg string) (err error) {
		*field(in), err = find(r.find, arg)
		return err
	}
}

// group makes the commands of one noun.
func group(noun, short string, to *target, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   noun,
		Short: short,
		Long:  short + ".\n\n" + whereItGoes,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	to.add(cmd)
	cmd.PersistentFlags().Bool("json", false, "print the API's own JSON")
	cmd.AddCommand(commands...)
	return cmd
}
