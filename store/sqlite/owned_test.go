package sqlite

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// TestTailForgets: a key that logs in and out all day leaves no long chain of
// ended sessions behind, which each of its later ends would walk.
func TestTailForgets(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), file), Options{})
	chain := func(what string, want int) {
		t.Helper()
		if ids, _ := s.tail.recent(1); len(ids) != want {
			t.Errorf("%s: the tail knows %d sessions, want %d", what, len(ids), want)
		}
	}
	now := benchRow(1).Issued
	next := auth.SessionID(1)
	begin := func(n int) {
		t.Helper()
		w := auth.WriteSet{}
		for range n {
			w.Begin = append(w.Begin, session(next, 1))
			next++
		}
		if _, err := s.Apply(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
	}
	end := func(e auth.End) {
		t.Helper()
		if _, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{e}}); err != nil {
			t.Fatal(err)
		}
	}
	begin(5)
	chain("begun", 5)
	end(auth.End{Session: 3}) // from the middle
	end(auth.End{Session: 1}) // the oldest
	end(auth.End{Session: 5}) // the newest
	chain("three ended", 2)
	end(auth.End{Principal: 1, Except: 4})
	chain("all but one ended", 1)
	begin(3)
	if _, err := s.Sweep(t.Context(), now.Add(2*time.Hour), auth.Retention{}); err != nil {
		t.Fatal(err)
	}
	chain("all expired", 0)
	begin(2)
	chain("begun again", 2)
}

// TestMoved: sessions that went from the log to the index are ended from there,
// the log does not grow, and a store that starts in the midst goes on.
func TestMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	const each, commits = 16, 100
	s := openTest(t, path, Options{tailSize: 100})
	for i := range commits {
		begin64(t, s, auth.SessionID(1+i*each), each)
		if i == commits/2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, path, Options{tailSize: 100})
		}
		for old := s.tail.old; old != nil && old.moving == nil && len(old.sorted) == 0; {
			runtime.Gosched() // until it is sorted
		}
	}
	var logged, owned int64
	err := s.cold.with(t.Context(), func(c *conn) error {
		_, err := c.one(func(r row) { logged, owned = r.int(0), r.int(1) },
			"SELECT (SELECT count(*) FROM begun), (SELECT count(*) FROM owned)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if logged > 30 || owned < each*commits-each*logged {
		t.Errorf("of %d commits %d are in the log, %d of %d sessions in the index", commits, logged, owned, each*commits)
	}
	ended := 0
	for p := auth.PrincipalID(1); p <= 5; p++ {
		r, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: p}}})
		if err != nil {
			t.Fatal(err)
		}
		ended += r.Ended
	}
	if ended != each*commits {
		t.Errorf("ended %d of %d", ended, each*commits)
	}
}

// Sessions that end one by one while they wait to be indexed leave nothing in
// the index, whoever remembers that they ended: the memory, or after a start
// only the table.
func TestEndedAreNotMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	const each, commits = 16, 120
	s := openTest(t, path, Options{tailSize: 200})
	for i := range commits {
		first := auth.SessionID(1 + i*each)
		begin64(t, s, first, each)
		for id := first; id < first+each; id += 2 { // half of them at once
			if _, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Session: id}}}); err != nil {
				t.Fatal(err)
			}
		}
		if late := first - 10*each; i >= 10 { // and one much later
			if _, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Session: late + 1}}}); err != nil {
				t.Fatal(err)
			}
		}
		if i == commits/2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, path, Options{tailSize: 200})
		}
		for old := s.tail.old; old != nil && old.moving == nil && len(old.sorted) == 0; {
			runtime.Gosched() // until it is sorted
		}
	}
	var owned, dangling int64
	err := s.cold.with(t.Context(), func(c *conn) error {
		_, err := c.one(func(r row) { owned, dangling = r.int(0), r.int(1) },
			"SELECT count(*), count(*) FILTER (WHERE id NOT IN (SELECT id FROM sessions)) FROM owned")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if owned < each*commits/4 || dangling != 0 {
		t.Errorf("%d rows in the index, %d of sessions that ended", owned, dangling)
	}
}

// TestLatestWhileMoving: the newest session is found in the tail, in the index and
// in both at once, while it is moved and after a start in the midst.
func TestLatestWhileMoving(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	const each, commits = 16, 60
	s := openTest(t, path, Options{tailSize: 200})
	for i := range commits {
		begin64(t, s, auth.SessionID(1+i*each), each)
		if old := s.tail.old; i%10 == 9 && old != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = openTest(t, path, Options{tailSize: 200})
		}
		for old := s.tail.old; old != nil && old.moving == nil && len(old.sorted) == 0; {
			runtime.Gosched() // until it is sorted
		}
		for j := range 5 { // the last of each principal's
			want := auth.SessionID((i+1)*each - j)
			p := auth.PrincipalID(1 + (each-1-j)%5)
			if r, err := s.Latest(t.Context(), p, benchRow(1).Issued); err != nil || r.ID != want {
				t.Fatalf("after commit %d the newest of principal %d is %d, %v; want %d", i, p, r.ID, err, want)
			}
		}
	}
}
