package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/spf13/cobra"
)

// inputFlag is the flag of one field of an operation's input.
type inputFlag struct {
	name, usage string
	value       reflect.Value // the field
	kind        string        // what the help calls a value
	words       []string      // the only values there are; none: any
	noZero      bool          // 0 is no value
	reference   string        // text of a reference that is to be found; see resolve
}

// references are the fields that hold an id, and whose.
var references = map[string]string{"account": "ACCOUNT", "parent": "ACCOUNT", "within": "ACCOUNT", "key": "KEY", "user": "USER"}

// flagName is what a field is called on the command line: as in the API, with dashes,
// and one at a time where it holds several. "" if it is not an input.
func flagName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	for _, tag := range []string{"path", "query"} {
		if name == "" {
			name = f.Tag.Get(tag)
		}
	}
	if kindOf(f.Type).Kind() == reflect.Slice {
		name = strings.TrimSuffix(name, "s")
	}
	return strings.ReplaceAll(name, "_", "-")
}

func kindOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// docOf is what the API says of a field: of the input, or else of the output's of the
// same name.
func docOf(f reflect.StructField, out reflect.Type) string {
	if doc := f.Tag.Get("doc"); doc != "" {
		return doc
	}
	for _, g := range reflect.VisibleFields(out) {
		if flagName(g) == flagName(f) {
			return g.Tag.Get("doc")
		}
	}
	return ""
}

// inputFlags makes the flags of an input.
func inputFlags(in reflect.Value, out reflect.Type, aside []string) (flags []*inputFlag) {
	for _, f := range reflect.VisibleFields(in.Type()) {
		name := flagName(f)
		if name == "" || slices.Contains(aside, f.Name) {
			continue
		}
		flag := &inputFlag{name: name, usage: docOf(f, out), value: in.FieldByIndex(f.Index), kind: valueKind(f), noZero: f.Tag.Get("zero") == "no"}
		if words := f.Tag.Get("enum"); words != "" {
			flag.words = strings.Split(words, "|")
			flag.usage = strings.TrimPrefix(flag.usage+": "+strings.Join(slices.DeleteFunc(slices.Clone(flag.words), func(w string) bool { return w == "" }), ", "), ": ")
		}
		if flag.isReference() {
			flag.usage, _, _ = strings.Cut(flag.usage, "; 0: ")
			if kindOf(f.Type) != f.Type {
				flag.usage += "; - for none"
			}
		}
		if name == "id" {
			flag.usage = "its id, instead of its name"
		}
		flags = append(flags, flag)
	}
	return flags
}

// valueKind is what the help calls a value of a field.
func valueKind(f reflect.StructField) string {
	t := kindOf(f.Type)
	switch t {
	case reflect.TypeFor[time.Time]():
		return "TIME"
	case reflect.TypeFor[api.Span]():
		return "SPAN"
	case reflect.TypeFor[bool]():
		return "bool"
	}
	switch {
	case t.Kind() == reflect.Int64 && references[flagName(f)] != "":
		return references[flagName(f)]
	case t.Kind() == reflect.Int64 || t.Kind() == reflect.Int:
		return "NUMBER"
	}
	return "TEXT"
}

func (f *inputFlag) isReference() bool {
	return f.kind == "ACCOUNT" || f.kind == "KEY" || f.kind == "USER"
}

func (f *inputFlag) add(cmd *cobra.Command, to *target) {
	usage := f.usage
	if f.kind == "TIME" {
		usage = strings.TrimPrefix(usage+"; "+f.timeForms(), "; ")
	}
	flag := cmd.Flags().VarPF(f, f.name, "", usage)
	complete := to.complete(f.kind)
	switch {
	case f.kind == "bool":
		flag.NoOptDefVal = "true"
		return
	case f.words != nil:
		complete = cobra.FixedCompletions(f.words, cobra.ShellCompDirectiveNoFileComp)
	case f.name == "policy":
		complete = to.complete("POLICY")
	}
	if err := cmd.RegisterFlagCompletionFunc(f.name, complete); err != nil {
		panic(err) // a flag that the command does not have
	}
}

// String is the default that the help shows: none.
func (f *inputFlag) String() string { return "" }

// Type is what the help calls a value.
func (f *inputFlag) Type() string { return f.kind }

// Set reads a value. References are found later; see resolve.
func (f *inputFlag) Set(text string) error {
	if f.isReference() {
		f.reference = text
		return nil
	}
	v := f.value
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		v = v.Elem()
	}
	switch into := v.Addr().Interface().(type) {
	case *time.Time:
		t, err := f.time(text)
		*into = t
		return err
	case *api.Span:
		return into.UnmarshalText([]byte(text))
	case *[]string:
		if *into == nil {
			*into = []string{}
		}
		if text != "" { // --network "" takes all away
			*into = append(*into, strings.Split(text, ",")...)
		}
		return nil
	case *bool:
		b, err := strconv.ParseBool(text)
		*into = b
		return plain(err, "is neither true nor false")
	case *string:
		*into = text
		return nil
	}
	n, err := strconv.ParseInt(text, 10, v.Type().Bits())
	if n < 0 {
		err = strconv.ErrRange
	}
	if n == 0 && err == nil && f.noZero {
		return errors.New("is 1 at least, or not stated")
	}
	v.SetInt(n)
	return plain(err, "is not a whole number")
}

func plain(err error, text string) error {
	if err == nil {
		return nil
	}
	return errors.New(text)
}

// ahead says whether a span means a time to come, not one that was.
func (f *inputFlag) ahead() bool { return f.name == "expires" }

func (f *inputFlag) timeForms() string {
	if f.ahead() {
		return "2026-01-31, 2026-01-31T12:00:00Z, or 90d from now"
	}
	return "2026-01-31, 2026-01-31T12:00:00Z, or 2h ago as 2h"
}

// time reads a time, a day (its beginning, UTC), or a span from now.
func (f *inputFlag) time(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	var span api.Span
	if err := span.UnmarshalText([]byte(text)); err != nil {
		return time.Time{}, fmt.Errorf("is not a time: write it like %s", f.timeForms())
	}
	if f.ahead() {
		return time.Now().UTC().Add(time.Duration(span)), nil
	}
	return time.Now().UTC().Add(-time.Duration(span)), nil
}

// resolve finds what a reference names.
func (f *inputFlag) resolve(find *finder) (err error) {
	if f.reference == "" {
		return nil
	}
	var id int64
	switch {
	case f.reference == "-" && f.value.Kind() == reflect.Pointer:
	case f.kind == "KEY":
		id, err = find.key(f.reference)
	case f.kind == "USER":
		id, err = find.user(f.reference)
	default:
		id, err = find.account(f.reference)
	}
	if err != nil {
		return fmt.Errorf("--%s: %w", f.name, err)
	}
	if f.value.Kind() == reflect.Pointer {
		f.value.Set(reflect.ValueOf(&id))
	} else {
		f.value.SetInt(id)
	}
	return nil
}
