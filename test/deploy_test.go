package test

import (
	"debug/elf"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/server"
)

// Each dialect has an example, and a server starts on each.
func TestDeployExamples(t *testing.T) {
	files, err := filepath.Glob("../deploy/examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var mounted []string
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if name := strings.TrimSuffix(filepath.Base(path), ".yaml"); cfg.Mounts[0].Dialect != name {
				t.Errorf("it is an example of %s", cfg.Mounts[0].Dialect)
			}
			mounted = append(mounted, cfg.Mounts[0].Dialect)
			dir := t.TempDir()
			cfg.Data, cfg.Keys = filepath.Join(dir, "s.db"), filepath.Join(dir, "keys.json")
			cfg.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
			if cfg.TLS.On() { // it is the operator's
				cfg.TLS, cfg.TrustedProxies = config.TLS{}, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
			}
			s, err := server.New(t.Context(), cfg, server.Options{Log: t.Output()})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, def := range server.Dialects() {
		if !slices.Contains(mounted, def.Name) {
			t.Errorf("there is no example of %s", def.Name)
		}
	}
}

// What the Dockerfile copies is there, and what it builds needs nothing else in
// the image.
func TestDockerfile(t *testing.T) {
	file := read(t, "deploy/Dockerfile")
	if !strings.Contains(file, "\nFROM golang:"+goVersion(t)+" AS build\n") {
		t.Error("it builds with another Go than go.mod says")
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(file, -1) {
		for path := range strings.FieldsSeq(m[1]) {
			if _, err := os.Stat(filepath.Join("..", path)); err != nil {
				t.Error(err)
			}
		}
	}
	build := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .* -o )/out/sallyport (\./cmd/sallyport)$`).FindStringSubmatch(file)
	if build == nil || !strings.Contains(file, `ENTRYPOINT ["/usr/local/bin/sallyport"]`) {
		t.Fatal("it builds something else than the program")
	}
	program := filepath.Join(t.TempDir(), "sallyport")
	cmd := exec.Command("sh", "-e", "-c", build[1]+program+" "+build[2])
	cmd.Dir, cmd.Env = "..", append(os.Environ(), "VERSION=v4.7.11")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command(program, "version").CombinedOutput(); err != nil || !strings.Contains(string(out), "sallyport v4.7.11 ") {
		t.Errorf("it is %s: %v", out, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 || slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("it is not static: it needs %v: %v", libraries, err)
	}
}

// goVersion is the language version of go.mod, without a patch release.
func goVersion(t *testing.T) string {
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))
	if m == nil {
		t.Fatal("go.mod names no version")
	}
	return m[1]
}

// systemd takes the unit as it is.
func TestSystemdUnit(t *testing.T) {
	unit := read(t, "deploy/sallyport.service")
	if !strings.Contains(unit, "\nExecStart=/usr/local/bin/sallyport serve --config /var/lib/sallyport/config.yaml\n") {
		t.Fatal("the unit starts something else than docs/operating.md installs")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not here (Debian: systemd)")
	}
	path := filepath.Join(t.TempDir(), "sallyport.service")
	unit = strings.NewReplacer("/usr/local/bin/sallyport", filepath.Join(binDir, "sallyport"), "User=sallyport", "User=daemon", "Group=sallyport", "Group=daemon").Replace(unit)
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), path) {
		t.Errorf("%v: %s", err, out)
	}
	// 10 is a service that may do anything.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
