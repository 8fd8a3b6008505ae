package dialecttest

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Audit is all that the store's audit holds.
func (s *Server) Audit() []audit.Event {
	s.t.Helper()
	var all []audit.Event
	for seq := uint64(0); ; {
		batches, err := s.running.Load().store.Audit(context.Background(), seq, 100)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(batches) == 0 {
			return all
		}
		for i := range batches {
			events, err := batches[i].Events()
			if err != nil {
				s.t.Fatal(err)
			}
			all = append(all, events...)
			seq = batches[i].Seq
		}
	}
}

// Minted counts the sessions that ever began.
func (s *Server) Minted() int {
	n := 0
	for _, e := range s.Audit() {
		if e.Kind == audit.Login {
			n++
		}
	}
	return n
}

// Line is what the tests look at in a line of the log.
type Line struct {
	Message string `json:"msg"`
	Outcome string `json:"outcome"`
	Status  int    `json:"status"`
}

// Log is everything that was logged, and the lines that are about requests.
func (s *Server) Log() (text string, requests []Line) {
	s.t.Helper()
	text = s.log.String()
	for line := range strings.Lines(text) {
		var l Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("a log line is not JSON: %v", err)
		}
		if l.Message == "login request" || l.Message == "later call" {
			requests = append(requests, l)
		}
	}
	return text, requests
}

// clock is a clock that only the test turns.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is an auth.Clock.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// buffer is a log that many goroutines write.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
