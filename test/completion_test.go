package test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/server"
)

// shells complete what stands in $LINE with the script that the program writes for
// them, and print the candidates.
var shells = map[string]string{
	"bash": `source /usr/share/bash-completion/bash_completion && source <(sallyport completion bash) || exit 1
read -ra COMP_WORDS <<<"$LINE"
[[ $LINE == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE} COMP_TYPE=9 COMP_KEY=9
compopt() { :; } # there is no line to edit
__start_sallyport
printf '%s\n' "${COMPREPLY[@]}"`,
	"fish": `sallyport completion fish | source; complete -C "$LINE"`,
	// zsh completes in a terminal alone: here its script is loaded and asks as it would.
	"zsh": `autoload -Uz compinit && compinit -D && source <(sallyport completion zsh) && [[ $_comps[sallyport] == _sallyport ]] || exit 1
words=("${(@s: :)LINE}") CURRENT=$#words
_describe() { for a in "$@"; do (( ${+parameters[$a]} )) && print -l -- "${(@P)a}"; done }
_sallyport`,
}

// A shell that has loaded the program's script completes commands, flags' values, and
// names out of the database.
func TestShellsComplete(t *testing.T) {
	dir := t.TempDir()
	o := server.InitOptions{Dir: dir, Listen: "127.0.0.1:0", NoTLS: true, Out: io.Discard}
	if err := server.Init(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	create := exec.CommandContext(t.Context(), filepath.Join(binDir, "sallyport"), "account", "create", "ACME")
	create.Dir = dir
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for shell, script := range shells {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil || shell == "bash" && !has("/usr/share/bash-completion/bash_completion") {
				t.Skip("completion in", shell, "is not tested: it is not here (Debian: bash-completion, zsh, fish)")
			}
			for line, want := range map[string]string{
				"sallyport acc":                                     "account",
				"sallyport account cre":                             "create",
				"sallyport account show AC":                         "ACME",
				"sallyport user create ACME --role aud":             "auditor",
				"sallyport session list --account AC":               "ACME",
				"sallyport account show --data sallyport.db ACM":    "ACME",
				"sallyport key rotate --data no.db --keys no.json ": "",
			} {
				got := complete(t, dir, path, script, line)
				if want == "" && len(got) > 0 || want != "" && !slices.Contains(got, want) {
					t.Errorf("%q is completed to %q, want %q", line, got, want)
				}
			}
		})
	}
}

func has(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// complete runs a shell and returns the candidates that it prints, without what they
// are.
func complete(t *testing.T, dir, shell, script, line string) (list []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	run := exec.CommandContext(ctx, shell, "-c", script)
	run.Dir = dir
	run.Env = append(os.Environ(), "LINE="+line, "HOME="+t.TempDir(), "PATH="+binDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	for text := range strings.Lines(string(out)) {
		name := text
		for _, end := range []string{"\t", "  ", ":", "\n"} {
			name, _, _ = strings.Cut(name, end)
		}
		if name != "" {
			list = append(list, name)
		}
	}
	return list
}
