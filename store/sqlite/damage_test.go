package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Damage that somebody comes upon while the store is open makes it say that it
// is not well.
func TestDamageWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{})
	for i := range 200 {
		begin64(t, s, auth.SessionID(1+i*16), 16)
	}
	if err := s.Close(); err != nil { // so that all is in the file, and nothing in memory
		t.Fatal(err)
	}
	s = openTest(t, path, Options{})
	if err := s.Healthy(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, info.Size()-8192)
	for i := range junk {
		junk[i] = byte(i*7 + 13)
	}
	if _, err := f.WriteAt(junk, 8192); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for id := auth.SessionID(1); id < 3000 && s.Healthy() == nil; id += 100 {
		_, _ = s.Session(t.Context(), id) // what it finds wrong is for Healthy to tell
		_, _ = s.Sweep(t.Context(), time.Now(), auth.Retention{})
	}
	if err := s.Healthy(); !errors.Is(err, ErrDamaged) {
		t.Errorf("healthy after reading damaged pages: %v", err)
	}
}
