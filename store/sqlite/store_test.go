package sqlite

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/storetest"
)

var quiet = slog.New(slog.DiscardHandler)

const file = "sallyport.db"

// TestStore runs the suite, once as it is and once with a tail so short that
// its sessions are moved into the index all the time.
func TestStore(t *testing.T) {
	for name, size := range map[string]int{"": 0, "ShortTail": 8} {
		t.Run("Suite"+name, func(t *testing.T) {
			storetest.Run(t, storetest.Harness{Open: func(t *testing.T, dir string) auth.Store {
				t.Helper()
				s, err := Open(t.Context(), Options{Path: filepath.Join(dir, file), Logger: quiet, tailSize: size})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}})
		})
	}
}

// TestNodes: servers over one file count as one.
func TestNodes(t *testing.T) {
	storetest.RunNodes(t, storetest.Nodes{Open: func(t *testing.T, dir string) auth.Store {
		t.Helper()
		return openTest(t, filepath.Join(dir, file), Options{})
	}})
}
