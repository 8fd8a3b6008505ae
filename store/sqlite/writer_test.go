package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// hold keeps the writer busy until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.Update(context.Background(), func(auth.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return sync.OnceFunc(func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// waiting blocks until so many requests wait.
func waiting(s *Store, n int) {
	for len(s.writer.queue) < n {
		runtime.Gosched()
	}
}

// TestGroupCommit: 64 sets that wait are one transaction, in their order.
func TestGroupCommit(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
	release := hold(t, s)
	defer release()
	before := s.Stats()
	errs := make(chan error, 64)
	for i := range 64 {
		go func() {
			row := session(auth.SessionID(1+i), 1)
			w := auth.WriteSet{Begin: []auth.SessionRow{row}, Events: []audit.Event{benchEvent(&row)}}
			if i == 40 {
				w.Redeem = 999 // is not there: this one conflicts, the others do not
			}
			_, err := s.Apply(context.Background(), &w)
			errs <- err
		}()
		waiting(s, i+1)
	}
	release()
	conflicts := 0
	for range 64 {
		if err := <-errs; errors.Is(err, auth.ErrConflict) {
			conflicts++
		} else if err != nil {
			t.Error(err)
		}
	}
	after := s.Stats()
	if after.Sets-before.Sets != 64 || after.Commits-before.Commits > 3 || conflicts != 1 { // the Update's own is one of them
		t.Errorf("%d sets in %d commits, %d conflicts", after.Sets-before.Sets, after.Commits-before.Commits, conflicts)
	}
	list, err := s.Audit(t.Context(), 0, 10)
	if err != nil || len(list) != 1 || list[0].Count != 63 {
		t.Fatalf("audit: %v, %v", list, err)
	}
	events, err := list[0].Events()
	if err != nil {
		t.Fatal(err)
	}
	want := uint64(1)
	for _, e := range events {
		if want == 41 {
			want++
		}
		if e.Session != want {
			t.Fatalf("event of session %d, want %d: not in the order in which they came", e.Session, want)
		}
		want++
	}
}

// TestReadersDoNotWait: with the writer inside a transaction that has written.
func TestReadersDoNotWait(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
	begin64(t, s, 1, 10)
	err := s.Update(t.Context(), func(tx auth.Tx) error {
		if _, err := tx.End(auth.End{Principal: 1}); err != nil {
			return err
		}
		// All in here would wait for ever if it waited for this transaction.
		if _, err := s.Session(t.Context(), 1); err != nil {
			t.Error("a session whose end is not committed:", err)
		}
		if head, err := s.FeedHead(t.Context()); err != nil || head.Seq != 0 {
			t.Errorf("FeedHead = %v, %v", head, err)
		}
		if r, err := s.Latest(t.Context(), 1, benchRow(1).Issued); err != nil || r.Principal != 1 {
			t.Errorf("Latest = %+v, %v", r, err)
		}
		return s.View(t.Context(), func(v auth.Reader) error { _, err := v.Policies(); return err })
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Session(t.Context(), 1); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("after the commit: %v", err)
	}
}

// TestBusy: a full queue refuses at once, and what was accepted is written.
func TestBusy(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
	release := hold(t, s)
	defer release()
	var wg sync.WaitGroup
	for i := range maxQueue {
		wg.Go(func() {
			if _, err := s.Apply(context.Background(), &auth.WriteSet{Begin: []auth.SessionRow{session(auth.SessionID(1+i), 1)}}); err != nil {
				t.Error(err)
			}
		})
	}
	waiting(s, maxQueue)
	_, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{session(99999, 1)}})
	if !errors.Is(err, auth.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	if err := s.Update(t.Context(), func(auth.Tx) error { return nil }); !errors.Is(err, auth.ErrBusy) {
		t.Errorf("an Update too many: %v", err)
	}
	release()
	wg.Wait()
	if r, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: 1}}}); err != nil || r.Ended != maxQueue {
		t.Errorf("%d of the %d accepted were written, %v", r.Ended, maxQueue, err)
	}
}

// TestCallerLeaves: who stops waiting is told so; the set is written all the
// same. One who waits for a turn gets none.
func TestCallerLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{})
	release := hold(t, s)
	defer release()
	ctx, leave := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() {
		_, err := s.Apply(ctx, &auth.WriteSet{Begin: []auth.SessionRow{session(1, 1)}})
		errs <- err
	}()
	waiting(s, 1)
	go func() {
		errs <- s.Update(ctx, func(auth.Tx) error { t.Error("an Update ran for a caller that had left"); return nil })
	}()
	waiting(s, 2)
	leave()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who left was told %v", err)
		}
	}
	release()
	if err := s.Close(); err != nil { // drains
		t.Fatal(err)
	}
	if _, err := openTest(t, path, Options{}).Session(t.Context(), 1); err != nil {
		t.Errorf("the accepted set: %v", err)
	}
}

// TestGoexitInUpdate: f may even end its goroutine (as t.FailNow does).
func TestGoexitInUpdate(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Update(context.Background(), func(tx auth.Tx) error {
			if err := tx.PutPolicy(&auth.Policy{Name: "p", Never: true}); err != nil {
				t.Error(err)
			}
			runtime.Goexit()
			return nil
		})
	}()
	<-done
	begin64(t, s, 1, 1)
	err := s.View(t.Context(), func(v auth.Reader) error { _, err := v.Policy("p"); return err })
	if !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("what it wrote: %v", err)
	}
}

// fill logs in until the disk is full, and checks what is left.
func fill(t *testing.T, s *Store) (last auth.SessionID) {
	t.Helper()
	for {
		row := session(last+1, 1)
		row.Attrs = string(make([]byte, auth.MaxAttrs))
		_, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{row}, Events: []audit.Event{benchEvent(&row)}, End: []auth.End{{Session: 1 << 50}}})
		if err == nil {
			last++
			continue
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("after %d sessions: %v, want one that is %q", last, err, ErrFull)
		}
		break
	}
	if last == 0 {
		t.Fatal("nothing could be written at all")
	}
	if _, err := s.Session(t.Context(), last+1); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("the session that was refused: %v", err)
	}
	if _, err := s.Session(t.Context(), last); err != nil {
		t.Errorf("the session before it: %v", err)
	}
	if audited := verifyAudit(t, s); len(audited) != int(last) {
		t.Errorf("%d sessions are in the audit, want %d", len(audited), last)
	}
	if err := s.Update(t.Context(), func(tx auth.Tx) error {
		for i := range 2000 {
			a := auth.Account{Level: auth.Tenant, Code: fmt.Sprint("code ", i), Name: string(make([]byte, auth.MaxName))}
			if err := tx.PutAccount(&a); err != nil {
				return err
			}
		}
		return nil
	}); !errors.Is(err, ErrFull) {
		t.Errorf("Update on a full disk: %v", err)
	}
	return last
}

// recovered checks that writing goes on where there is room again.
func recovered(t *testing.T, s *Store, last auth.SessionID) {
	t.Helper()
	begin64(t, s, last+1, 64)
	if r, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: 1}}}); err != nil || r.Ended < int(last) {
		t.Errorf("ended %d of %d, %v", r.Ended, last, err)
	}
	if err := s.View(t.Context(), func(v auth.Reader) error {
		list, err := v.Accounts(0)
		if len(list) != 0 {
			t.Errorf("%d accounts of an Update that failed", len(list))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

func TestFullDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{maxPages: 200, tailSize: 16})
	last := fill(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	recovered(t, openTest(t, path, Options{}), last)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("cannot mount a small file system (needs root): ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 512<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, filepath.Join(dir, file), Options{tailSize: 16})
	last := fill(t, s)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	recovered(t, s, last)
}

// TestLogIsBounded: the write-ahead log begins anew although writing never pauses.
func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{walLimit: 256})
	var wg sync.WaitGroup
	for caller := range 4 {
		wg.Go(func() {
			for i := range 240 {
				var w auth.WriteSet
				for j := range 50 {
					row := session(auth.SessionID(1+(caller*240+i)*50+j), auth.PrincipalID(1+j))
					row.Attrs = string(make([]byte, auth.MaxAttrs))
					w.Begin = append(w.Begin, row)
				}
				if _, err := s.Apply(context.Background(), &w); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	written, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(24 << 20); written.Size() > limit { // without a new beginning it is 60 MB
		t.Errorf("the log has %d bytes, want at most %d", written.Size(), limit)
	}
}
