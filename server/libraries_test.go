package server

import (
	"bytes"
	"log"
	"strings"
	"sync"
	"testing"
)

// kept is a log that a test reads while a server writes it.
type kept struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.Write(b)
}

func (k *kept) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.text.String()
}

// What libraries write to the standard logger, net/http of an API that speaks
// unasked for one, comes in the log's own format and level, without what it quotes.
func TestLibrariesWriteToTheLog(t *testing.T) {
	for level, want := range map[string]bool{"debug": true, "info": false} {
		cfg := configured(t.TempDir())
		cfg.Log.Level, cfg.Log.Format = level, "json"
		into := new(kept)
		s, err := New(t.Context(), cfg, Options{Log: into})
		if err != nil {
			t.Fatal(err)
		}
		stop := running(t, s)
		get(t, s, "/-/healthy")
		log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "hush\nhush", nil)
		log.Print(strings.Repeat("long ", 1000))
		stop()
		got := into.String()
		if strings.Contains(got, `"cause":"Unsolicited response`) != want || strings.Contains(got, "hush") || strings.Contains(got, strings.Repeat("long ", 100)) {
			t.Errorf("%s: the log has %s", level, got)
		}
	}
}
