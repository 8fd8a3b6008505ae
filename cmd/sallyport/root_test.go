package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("customers.yaml", []byte("tenants: [{code: ACME, keys: [{name: made}]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("config.yaml", []byte("data: db\nkeys: keys.json\ntrusted_proxies: [127.0.0.1]\nmounts: [{dialect: electa}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none")
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"help", exitOK, "Administer it:\n  account ", ""},
		{"help keys rotate", exitOK, "sallyport keys rotate [--config FILE] [--prepare | --alone]", ""},
		{"help nothing", exitUsage, "", `unknown command "nothing" for "sallyport"`},
		{"help keys nothing", exitUsage, "", `unknown command "keys nothing"`},
		{"nothing", exitUsage, "", `unknown command "nothing"`},
		{"--version", exitOK, versionLine() + "\n", ""},
		{"version", exitOK, versionLine() + "\n", ""},
		{"-v", exitUsage, "", "unknown shorthand flag"},
		{"apply -f customers.yaml --dry-run", exitOK, "nothing was changed: this was a dry run\n", ""}, // with the config.yaml here
		{"apply -f customers.yaml --keys k", exitUsage, "", "--keys belongs to --data"},
		{"serve --config " + none, exitError, "", "--config: cannot read " + none + ": no such file or directory: name a file"},
		{"keys rotate --config " + none, exitError, "", "--config: cannot read " + none},
		{"keys rotate --alone --prepare", exitUsage, "", "--prepare and --alone do not go together: a server that is alone has nobody to prepare for"},
		{"apply -f customers.yaml --config config.yaml --data db", exitUsage, "", "--config and --data do not go together: the configuration names a database already"},
		{"apply -f customers.yaml --config " + none, exitError, "", "--config: cannot read " + none},
		{"apply --config config.yaml -f " + none, exitError, "", "--file: cannot read " + none + ": no such file or directory: name a file"},
		{"apply --config config.yaml -f " + dir, exitError, "", "--file: cannot read " + dir + ": is a directory"},
		{"apply --config config.yaml -f customers.yaml --dry-run", exitOK, "nothing was changed: this was a dry run\n", ""},
	} {
		var stdout, stderr strings.Builder
		code := run(t.Context(), strings.Fields(c.args), &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", c.args, code, c.code, &stdout, &stderr)
		}
		if c.stderr == "" && stderr.Len() > 0 || c.stdout == "" && stdout.Len() > 0 {
			t.Errorf("%s said besides:\n%s%s", c.args, &stdout, &stderr)
		}
	}
}
