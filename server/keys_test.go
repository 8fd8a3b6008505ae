package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/secret"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	log := slog.New(slog.DiscardHandler)
	keys, err := openKeys(path, filepath.Join(t.TempDir(), "none.db"), log)
	if err != nil {
		t.Fatal(err)
	}
	service := new(auth.Service)
	service.SetKeys(keys)
	f, err := newKeyFile(path, service, log)
	if err != nil {
		t.Fatal(err)
	}
	// Moves the file's time on, as a clock that ticks slower than this test would.
	polled := func(change func() error) *secret.Keys {
		t.Helper()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		later := time.Now().Add(time.Hour)
		if err := os.Chtimes(path, later, later); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		f.poll()
		return service.Keys()
	}
	if got := polled(func() error { _, err := RotateKeys(&config.Config{Keys: path}, RotateOptions{}); return err }); got.Len() != 2 || got.Pepper() == keys.Pepper() {
		t.Errorf("a rotated key set was not taken up: %d keys", got.Len())
	}
	rotated := service.Keys()
	if got := polled(func() error { return os.WriteFile(path, []byte("{"), 0o600) }); got != rotated {
		t.Error("a damaged file was taken up")
	}
	foreign, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	if got := polled(func() error { _ = os.Remove(path); return foreign.SaveNew(path) }); got != rotated {
		t.Error("a key set without the key in use was taken up")
	}
	if got := polled(func() error { return os.Remove(path) }); got != rotated {
		t.Error("the file went, and the key set with it")
	}
}
