package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// standIns are what docs/operating.md calls and a test must not: they change the
// machine.
var standIns = map[string]string{
	"make":    `[ "$*" = build ] && mkdir -p bin && cp "$PROGRAM" bin/sallyport`,
	"useradd": `:`,
	"runuser": `[ "$1 $2 $3" = "-u sallyport --" ]; shift 3; exec "$@"`,
	"install": `for a; do shift; case $a in -o|-g) skip=1;; *) [ -n "$skip" ] || set -- "$@" "$a"; skip=;; esac; done; exec /usr/bin/install "$@"`,
	"systemctl": `
		pid=$STATE/pid
		stop() {
			kill -INT "$(cat "$pid")"
			while grep -q '^State:.[^Z]' "/proc/$(cat "$pid")/status" 2>/dev/null; do sleep 0.05; done
			rm "$pid"
		}
		start() {
			$(sed -n 's/^ExecStart=//p' "$UNIT") >>"$STATE/log" 2>&1 &
			echo $! >"$pid"
			while ! curl -fsS "http://$ADDR/-/ready" >/dev/null 2>&1; do kill -0 $!; sleep 0.05; done
		}
		case $* in
		daemon-reload) [ -f "$UNIT" ] ;;
		"enable --now sallyport" | "start sallyport") start ;;
		"stop sallyport") stop ;;
		"restart sallyport") stop; start ;;
		*) exit 1 ;;
		esac`,
}

// What docs/operating.md says to do is done, from its top to its end.
func TestOperating(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("its commands are for Linux")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("docs/operating.md calls curl, which is not here (Debian: curl)")
	}
	o := newOperator(t)
	done := 0
	for _, b := range blocks(t, "docs/operating.md") {
		o.do(b)
		done++
		for _, m := range []struct{ in, want string }{
			{"sallyport init", "password shown this once"},
			{"/-/ready", "ready\n"},
			{"doctor", "is answered by this server"},
			{"restore", "checked\n"},
			{"audit search", " change "},
			{"audit verify", "ok       yes\n"},
		} {
			if strings.Contains(b.text, m.in) && !strings.Contains(o.printed, m.want) {
				t.Errorf("line %d: %s does not print %q: %s", b.line, m.in, m.want, o.printed)
			}
		}
	}
	text := read(t, "docs/operating.md")
	if marked := strings.Count(text, "<!-- test run -->\n```sh\n"); done != marked || marked != strings.Count(text, "```sh\n") {
		t.Errorf("%d of %d blocks of commands were run", done, strings.Count(text, "```sh\n"))
	}
}

// newOperator is a reader of docs/operating.md, whose folders are its own.
func newOperator(t *testing.T) *reader {
	t.Helper()
	r := newReader(t)
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(r.dir, "root")
	bin, lib, unit := filepath.Join(root, "bin"), filepath.Join(root, "sallyport"), filepath.Join(root, "sallyport.service")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	deploy, err := filepath.Abs("../deploy")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(deploy, filepath.Join(r.dir, "deploy")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "bin")); err != nil { // make build makes it
		t.Fatal(err)
	}
	for name, script := range standIns {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nset -e\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.place = strings.NewReplacer("127.0.0.1:8443", addr, "sallyport init", "sallyport init --admin-listen 127.0.0.1:0 --listen "+addr,
		"/usr/local/bin/sallyport", filepath.Join(bin, "sallyport"), "/etc/systemd/system/sallyport.service", unit, "/var/lib/sallyport", lib,
		// systemd reads the paths of the unit, and they are others here.
		"systemctl daemon-reload", "sed -i 's#/var/lib/sallyport#"+lib+"#; s#/usr/local/bin#"+bin+"#' "+unit+"\nsystemctl daemon-reload")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for name, value := range map[string]string{"PROGRAM": filepath.Join(binDir, "sallyport"), "STATE": root, "UNIT": unit, "ADDR": addr} {
		t.Setenv(name, value)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(root, "pid")); err == nil {
			if out, err := exec.Command(filepath.Join(bin, "systemctl"), "stop", "sallyport").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		if log, err := os.ReadFile(filepath.Join(root, "log")); t.Failed() && err == nil {
			t.Logf("%s", log)
		}
	})
	return r
}
