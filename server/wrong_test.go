package server

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/config"
)

// What only the start can find is told like what reading the file finds: with
// the line, and what to do.
func TestWrongAtTheStart(t *testing.T) {
	const (
		proxy  = "trusted_proxies: [127.0.0.1]\n"
		mounts = "mounts: [{dialect: electa}]\n"
	)
	for name, c := range map[string]struct{ file, want string }{
		"an option's value": {proxy + "mounts:\n  - dialect: electa\n    options: {locked_code: 0}\n",
			"FILE:4:14: mounts[0].options: locked_code is 0: must be one digit"},
		"an option's name": {proxy + "mounts:\n  - dialect: electa\n    options: {locked_cod: 1}\n",
			"FILE:4:15: mounts[0].options: unknown field"},
		"a certificate that is not there": {"tls:\n  cert: none.pem\n  key: key.pem\n" + mounts,
			"FILE:2:9: tls.cert: stat DIR/none.pem: no such file or directory: put the file there, or name the right one"},
		"a key that is not there": {"tls:\n  cert: cert.pem\n  key: none.pem\n" + mounts,
			"FILE:3:8: tls.key: stat DIR/none.pem: no such file or directory: put the file there, or name the right one"},
		"a key that is none": {"tls:\n  cert: cert.pem\n  key: cert.pem\n" + mounts,
			"FILE:2:3: tls: TLS certificate: DIR/cert.pem and DIR/cert.pem: "},
		"a directory that is not there": {proxy + mounts + "keys: no/where/keys.json\n",
			"make the directory DIR/no/where first, for the user that runs this"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writePair(t, dir, 1)
			path := filepath.Join(dir, "config.yaml")
			write(t, path, []byte(c.file), 1)
			cfg, err := config.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			cfg.Listen, cfg.Data = "127.0.0.1:0", filepath.Join(dir, "db")
			if !cfg.Has("keys") {
				cfg.Keys = filepath.Join(dir, "keys.json")
			}
			s, err := New(t.Context(), cfg, Options{Log: io.Discard})
			if err == nil {
				t.Fatal("started", s.Close())
			}
			if want := strings.NewReplacer("FILE", path, "DIR", dir).Replace(c.want); !strings.Contains(err.Error(), want) {
				t.Errorf("\ngot  %s\nwant %s", err, want)
			}
		})
	}
}
