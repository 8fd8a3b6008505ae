package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/server"
)

// documents are all pages of the repository, named from its root.
func documents(t *testing.T) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".md"):
			list = append(list, path)
		}
		return nil
	})
	if err != nil || len(list) < 10 {
		t.Fatalf("%d documents: %v", len(list), err)
	}
	return list
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A link to a file leads to one.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// What a document says to make can be made.
func TestMakeTargets(t *testing.T) {
	command := regexp.MustCompile("(?m)(?:^ {4}|^|`)make ([a-z]+)")
	makefile := read(t, "Makefile")
	for _, name := range documents(t) {
		for _, m := range command.FindAllStringSubmatch(read(t, name), -1) {
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s says make %s, and there is no such target", name, m[1])
			}
		}
	}
	// TestReadme starts the demo as this does.
	if !strings.Contains(makefile, "\ndemo: build\n\tbin/sallyport demo $(ARGS)\n") {
		t.Error("make demo is not bin/sallyport demo: change the README's test along with it")
	}
}

// The README says of each dialect whether it works, and each that does has a page.
func TestDialectTable(t *testing.T) {
	var works []string
	for _, m := range regexp.MustCompile(`(?m)^\| \[?([a-z0-9]+)[^|]*\|[^|]*\| (works|planned) \|$`).FindAllStringSubmatch(read(t, "README.md"), -1) {
		if m[2] == "works" {
			works = append(works, m[1])
		}
	}
	var registered []string
	for _, def := range server.Dialects() {
		registered = append(registered, def.Name)
		page := read(t, "docs/dialects/"+def.Name+".md")
		for _, risk := range def.Risks {
			if !strings.Contains(page, risk.Clause) {
				t.Errorf("the page of %s does not say that it breaks %s", def.Name, risk.Clause)
			}
		}
	}
	if !slices.Equal(works, registered) {
		t.Errorf("the README says that %v work, and there are %v", works, registered)
	}
}

// A dialect takes the options that its page lists.
func TestDialectOptions(t *testing.T) {
	for _, def := range server.Dialects() {
		t.Run(def.Name, func(t *testing.T) {
			list := blocks(t, "docs/dialects/"+def.Name+".md")
			if len(list) != 1 || list[0].kind != "options" {
				t.Fatalf("the page has no options to test: %v", list)
			}
			cfg, err := config.Parse("page", []byte("trusted_proxies: [127.0.0.1]\n"+list[0].text))
			if err != nil {
				t.Fatal(err)
			}
			m := &cfg.Mounts[0]
			_, err = def.New(dialect.Config{Mount: def.Mount(m.Name, m.Tenant), Options: m.DecodeOptions})
			if err != nil || m.Dialect != def.Name {
				t.Errorf("%s: %v", m.Dialect, err)
			}
		})
	}
}
