package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// mute is a flag in a help that says nothing of itself.
var mute = regexp.MustCompile(`(?m)^ +(-\w, )?--[\w-]+( [\w-]+)? *$`)

// The help says of every flag what it is for, and of every operation where it goes.
func TestHelpIsWhole(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		for _, line := range mute.FindAllString(cmd.Flags().FlagUsages(), -1) {
			t.Errorf("%s: %s says nothing of itself", cmd.CommandPath(), strings.TrimSpace(line))
		}
		if cmd.Short == "" {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
		if op := operationOf(strings.TrimPrefix(cmd.CommandPath(), "sallyport ")); op != nil && !strings.Contains(cmd.Long, cmd.Parent().CommandPath()+" --help") {
			t.Errorf("%s does not say where it goes", cmd.CommandPath())
		}
	}
	walk(newRoot())
	if !mute.MatchString("      --name TEXT        \n") {
		t.Error("a flag that says nothing would not be found")
	}
}
