package server

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestOneServerADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	first, err := lockDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := lockDatabase(path); !errors.Is(err, ErrServed) {
		t.Errorf("a second server got the lock: %v, %v", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockDatabase(path)
	if err != nil {
		t.Fatalf("the lock outlived its holder: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// Lock and log lie beside one name of a file: by another name nobody would notice
// the server that runs on it, whether it is served, moved, copied or worked on.
func TestDatabaseOfManyNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("names are not counted there")
	}
	c := configured(t.TempDir())
	_, stop := start(t, c)
	defer stop()
	hard := filepath.Join(t.TempDir(), "hard.db")
	if err := os.Link(c.Data, hard); err != nil {
		t.Skip("no hard links here: ", err)
	}
	other := *c
	other.Data = hard
	for what, try := range map[string]func() error{
		"serve": func() error {
			s, err := New(t.Context(), &other, Options{Log: t.Output()})
			if err == nil {
				err = s.Close()
			}
			return err
		},
		"move": func() error {
			_, err := MigrateStore(t.Context(), MigrateOptions{From: "sqlite:" + hard, To: "postgres://127.0.0.1:1/db", Log: t.Output()})
			return err
		},
		"copy": func() error {
			return Backup(t.Context(), &other, BackupOptions{To: filepath.Join(t.TempDir(), "copy"), Out: t.Output()})
		},
		"work beside it": func() error {
			s, err := openStore(t.Context(), hard, slog.New(slog.DiscardHandler))
			if err == nil {
				err = s.Close()
			}
			return err
		},
	} {
		if err := try(); !errors.Is(err, ErrManyNames) || !strings.Contains(err.Error(), hard) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Remove(hard); err != nil {
		t.Fatal(err)
	}
	if err := oneName(c.Data); err != nil {
		t.Errorf("the other name is gone: %v", err)
	}
}
