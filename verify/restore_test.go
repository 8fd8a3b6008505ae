package verify

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/store/sqlite"
)

// A backup takes the place of the server's database while a verifier follows. What
// was begun after the backup nobody can end any more, and positions are used again
// for other notices: the verifier forgets everything, however the feed looks.
func TestRestoredBackup(t *testing.T) {
	for _, lost := range []int{0, 1, 3} {
		t.Run(strconv.Itoa(lost)+" notices lost", func(t *testing.T) {
			w := newWorld(t)
			v := w.verify().follow()
			kept := w.login("electa")
			v.want(electaCall(kept), nil, false)
			w.revoke(auth.Revocation{Session: w.login("electa").Session.ID}) // so that the feed has a last notice
			backup := w.path + ".backup"
			_, err := sqlite.Backup(t.Context(), w.path, backup, nil)
			w.must(err)

			gone := w.login("electa")
			v.want(electaCall(gone), nil, false)
			for range lost {
				w.revoke(auth.Revocation{Session: w.login("electa").Session.ID})
			}
			v.caughtUp()
			v.want(electaCall(gone), nil, true)
			w.close()
			for _, suffix := range []string{"-wal", "-shm"} {
				_ = os.Remove(w.path + suffix)
			}
			w.must(os.Rename(backup, w.path))
			if lost > 0 {
				w.endedBefore(kept, lost)
			}
			v.clock.turn(2 * time.Second)
			w.open()
			v.await("the feed", v.isFresh)
			v.want(electaCall(gone), ErrRefused, false)
			if lost > 0 {
				v.want(electaCall(kept), ErrRefused, false)
			} else {
				v.want(electaCall(kept), nil, false)
			}
			if got := v.cache.mark().epoch; got != 2 {
				t.Errorf("the feed was begun afresh %d times", got-1)
			}
		})
	}
}

// endedBefore ends a session, and writes so many notices in all, before the server
// starts: at positions that its followers have passed.
func (w *world) endedBefore(g auth.Grant, notices int) {
	w.Helper()
	s, err := sqlite.Open(w.Context(), sqlite.Options{Path: w.path})
	w.must(err)
	ends := []auth.End{{Session: g.Session.ID}}
	for len(ends) < notices {
		ends = append(ends, auth.End{Principal: 1 << 40})
	}
	_, err = s.Apply(w.Context(), &auth.WriteSet{End: ends})
	w.must(err)
	w.must(s.Close())
}
