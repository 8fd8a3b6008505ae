package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// childEnv makes the test binary a process that logs in until it is killed, and
// prints each id that was answered.
const childEnv = "SALLYPORT_SQLITE_TEST_CHILD"

func child() {
	s, err := Open(context.Background(), Options{Path: os.Getenv(childEnv), Logger: quiet})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for {
				first, err := s.Lease(context.Background(), 100)
				for id := first; err == nil && id < first+100; id++ {
					row := benchRow(uint64(id))
					_, err = s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{row}, Events: []audit.Event{benchEvent(&row)}})
					if err == nil {
						mu.Lock()
						fmt.Println(uint64(id)) // unbuffered: printed when it returns
						mu.Unlock()
					}
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		})
	}
	wg.Wait()
}

// startChild starts such a process; each calls f with each id it printed.
func startChild(t *testing.T, path string) (cmd *exec.Cmd, each func(f func(auth.SessionID) (more bool))) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	return cmd, func(f func(auth.SessionID) bool) {
		for lines.Scan() {
			id, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if !f(auth.SessionID(id)) {
				return
			}
		}
	}
}

// TestKilled: whatever was answered before kill -9 is there after it, in the
// audit too, and can be ended.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	answered := map[auth.SessionID]bool{}
	for round := range 3 {
		cmd, each := startChild(t, path)
		n := 0
		each(func(id auth.SessionID) bool {
			if answered[id] {
				t.Fatalf("id %d was leased again", id)
			}
			answered[id] = true
			n++
			if n == 1500+round*777 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			return true // to the end: what was printed before it died counts
		})
		if n < 1500 {
			t.Fatalf("the child answered only %d logins", n)
		}
	}
	s := openTest(t, path, Options{})
	for id := range answered {
		if r, err := s.Session(t.Context(), id); err != nil || r != benchRow(uint64(id)) {
			t.Fatalf("session %d, which was answered: %+v, %v", id, r, err)
		}
	}
	audited := verifyAudit(t, s)
	ended := 0
	for id := range answered {
		if !audited[uint64(id)] {
			t.Fatalf("session %d has no audit event", id)
		}
		r, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: benchRow(uint64(id)).Principal}}})
		if err != nil {
			t.Fatal(err)
		}
		ended += r.Ended
	}
	if ended < len(answered) {
		t.Errorf("%d of %d sessions could be ended", ended, len(answered))
	}
}

func verifyAudit(t *testing.T, s *Store) map[uint64]bool {
	t.Helper()
	seen := map[uint64]bool{}
	var last audit.Batch
	for {
		list, err := s.Audit(t.Context(), last.Seq, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return seen
		}
		for i := range list {
			if err := audit.Verify(&last, &list[i]); err != nil {
				t.Fatal(err)
			}
			events, err := list[i].Events()
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				seen[e.Session] = true
			}
			last = list[i]
		}
	}
}

// TestTwoProcesses: another process writes at the same time. Neither loses
// anything, the streams stay whole, and each ends what the other began.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{tailSize: 64})
	begin, err := s.FeedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cmd, each := startChild(t, path)
	var theirs []auth.SessionID
	each(func(id auth.SessionID) bool {
		theirs = append(theirs, id)
		if len(theirs)%10 == 0 {
			free, err := s.Lease(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			own := session(free, 77_777)
			w := auth.WriteSet{Begin: []auth.SessionRow{own}, Events: []audit.Event{benchEvent(&own)}, End: []auth.End{{Principal: benchRow(uint64(id)).Principal}}}
			r, err := s.Apply(t.Context(), &w)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Session(t.Context(), id); err == nil {
				t.Fatalf("session %d of the other process outlived the end of its principal (%d ended)", id, r.Ended)
			}
		}
		return len(theirs) < 2000
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	verifyAudit(t, s)
	n, err := s.Feed(t.Context(), begin, 1000)
	if err != nil || len(n) != 200 {
		t.Errorf("%d notices, %v; want 200", len(n), err)
	}
	if r, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: 77_777}}}); err != nil || r.Ended != 200 {
		t.Errorf("ended %d own sessions, %v; want 200", r.Ended, err)
	}
}
