package server

import (
	"errors"
	"path/filepath"
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
