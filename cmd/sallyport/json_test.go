package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// printNothing are the commands that print nothing of their own.
var printNothing = []string{"sallyport serve", "sallyport help", "sallyport completion"}

// Every command that prints something prints JSON on request.
func TestEveryCommandHasJSON(t *testing.T) {
	seen := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if cmd.HasSubCommands() || slices.ContainsFunc(printNothing, func(p string) bool { return strings.HasPrefix(cmd.CommandPath(), p) }) {
			return
		}
		seen++
		if cmd.Flags().Lookup("json") == nil && cmd.InheritedFlags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	}
	walk(newRoot())
	if seen < 40 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

// What programs read of the commands that run a server keeps its form. Secrets are in
// it where people are shown them, and nowhere else.
func TestJSONOfTheServersCommands(t *testing.T) {
	d := newFolder(t)
	secret := "KEEPTHISTOYOURSELF00000000000000"
	if err := os.WriteFile("customers.yaml", []byte("tenants: [{code: ACME, keys: [{name: made}, {name: stated, secret: "+secret+"}]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := " --config " + filepath.Join(d.dir, defaultConfig)
	printed := map[string]map[string]any{}
	for _, c := range []struct{ words, fields string }{
		{"init --dir other", "administrator console logins made next password tenant trial_certificate"},
		{"apply -f customers.yaml --dry-run" + config, "changes dry_run ended unchanged would_make"},
		{"apply -f customers.yaml" + config, "changes dry_run ended secrets unchanged"},
		{"backup --to copy.db --keys-to copy.json" + config, "accounts events keys keys_to newest sessions to users"},
		{"keys rotate" + config, "file keys"},
		{"keys rotate --prepare" + config, "file keys prepared"},
		{"keys rotate --alone" + config, "file keys promoted"},
		{"restore --from copy.db --replace" + config, "accounts aside ended events from keys sessions sessions_kept users"},
		{"version", "commit go modified platform version"},
	} {
		code, stdout, stderr := d.try(append(strings.Fields(c.words), "--json")...)
		var got map[string]any
		dec := json.NewDecoder(strings.NewReader(stdout))
		if err := dec.Decode(&got); code != exitOK || err != nil || dec.More() || strings.Count(stdout, "\n") != 1 {
			t.Errorf("%s: exit code %d, %v:\n%s%s", c.words, code, err, stdout, stderr)
			continue
		}
		for _, field := range slices.Sorted(maps.Keys(got)) {
			if !slices.Contains(strings.Fields(c.fields), field) {
				t.Errorf("%s has a field %q", c.words, field)
			}
		}
		if !strings.HasPrefix(c.words, "version") && len(got) != len(strings.Fields(c.fields)) {
			t.Errorf("%s lacks some of %s:\n%s", c.words, c.fields, stdout)
		}
		if strings.Contains(stdout, secret) {
			t.Errorf("%s shows a secret that was in a file:\n%s", c.words, stdout)
		}
		name, _, _ := strings.Cut(c.words, " --config")
		printed[name] = got
	}
	made, _ := printed["apply -f customers.yaml"]["secrets"].([]any)
	if len(made) != 1 {
		t.Fatalf("apply made %v", made)
	}
	if one, _ := made[0].(map[string]any); one["key"] != "ACME/made" || len(one["secret"].(string)) != 32 {
		t.Errorf("apply made %v", one)
	}
	changes, _ := printed["apply -f customers.yaml"]["changes"].([]any)
	if len(changes) != 3 {
		t.Fatalf("apply changed %v", changes)
	}
	if first, _ := changes[0].(map[string]any); first["action"] != "create" || first["what"] != "tenant" || first["path"] != "ACME" {
		t.Errorf("apply changed %v first", first)
	}
	if n := printed["keys rotate"]["keys"]; n != float64(2) {
		t.Errorf("the key set has %v keys", n)
	}
	d.must("apply -f customers.yaml" + config) // under the new key
	if out := d.must("apply -f customers.yaml --json" + config); !strings.Contains(out, `"changes":[]`) {
		t.Errorf("applied again:\n%s", out)
	}
}
