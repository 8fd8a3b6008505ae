package auth_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// What this node ends is published at once while somebody listens, and at the next
// look into the store else; what another ends is, at the next look.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		other := k.node()
		defer other.Close()
		end := func(s *auth.Service) {
			t.Helper()
			if _, err := s.Revoke(t.Context(), auth.Revocation{Principal: k.key}); err != nil {
				t.Fatal(err)
			}
		}
		settle(k)
		before, news := k.service.Progress()
		end(k.service)
		time.Sleep(20 * time.Millisecond)
		if p, _ := k.service.Progress(); p.Seq != before.Seq {
			t.Error("it was looked for though nobody listens")
		}
		time.Sleep(200 * time.Millisecond)
		select {
		case <-news:
		default:
			t.Error("nobody was woken")
		}
		if p, _ := k.service.Progress(); p.Seq != before.Seq+1 || !p.At.After(before.At) {
			t.Errorf("after a look: %+v, before %+v", p, before)
		}

		stop := k.service.Listen()
		settle(k)
		for range 3 {
			end(k.service)
		}
		time.Sleep(20 * time.Millisecond)
		if p, _ := k.service.Progress(); p.Seq != before.Seq+4 {
			t.Errorf("with a listener: %d notices after 20 ms, want 4", p.Seq-before.Seq)
		}
		end(other)
		time.Sleep(210 * time.Millisecond)
		if p, _ := k.service.Progress(); p.Seq != before.Seq+5 {
			t.Errorf("another node's: %d notices, want 5", p.Seq-before.Seq)
		}
		stop()
		stop() // counts once
		settle(k)
		end(k.service)
		time.Sleep(20 * time.Millisecond)
		if p, _ := k.service.Progress(); p.Seq != before.Seq+5 {
			t.Error("it was looked for though the listener went")
		}

		notices, err := k.service.Feed(t.Context(), before.Position, 100)
		if err != nil || len(notices) != 5 || notices[0].Seq != before.Seq+1 || notices[4].ID != uint64(k.key) {
			t.Errorf("the feed is %v, %v", notices, err)
		}
		if some, err := k.service.Feed(t.Context(), notices[0].Position(), 2); err != nil || len(some) != 2 || some[0].Seq != before.Seq+2 {
			t.Errorf("a part of the feed is %v, %v", some, err)
		}
		for _, at := range []auth.Position{{}, {Seq: before.Seq}, {Seq: before.Seq + 1, Mark: notices[1].Mark}, {Seq: before.Seq + 5}, {Seq: before.Seq + 100, Mark: notices[4].Mark}} {
			if list, err := k.service.Feed(t.Context(), at, 100); !errors.Is(err, auth.ErrNotFound) {
				t.Errorf("from a position of another feed, %v: %v, %v", at, list, err)
			}
		}
	})
}

// settle waits until just after a look into the store.
func settle(k *kit) {
	_, news := k.service.Progress()
	<-news
	time.Sleep(10 * time.Millisecond)
}

// A node that does not hear of the others vouches for nothing, and one that was away
// for too long says that positions mean nothing any more.
func TestProgressStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		settle(k)
		before, _ := k.service.Progress()
		k.store.deaf.Store(true)
		time.Sleep(10 * time.Second)
		if p, _ := k.service.Progress(); p != before {
			t.Errorf("a node that is deaf went on to %+v from %+v", p, before)
		}
		k.store.deaf.Store(false)
		time.Sleep(time.Second)
		after, _ := k.service.Progress()
		if !after.At.After(before.At.Add(10*time.Second)) || after.Epoch != before.Epoch {
			t.Errorf("a node that hears again is at %+v", after)
		}
		k.store.lost.Store(true)
		time.Sleep(time.Second)
		if p, _ := k.service.Progress(); p.Epoch == after.Epoch || p.Seq != after.Seq {
			t.Errorf("a node that lost its position is at %+v", p)
		}
	})
}

// However much ended while nobody followed closely, each position is told once, and
// none that this node has not obeyed itself.
func TestFeedOfManyNotices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		before, _ := k.service.Progress()
		const n = 9000
		var w auth.WriteSet
		for range n {
			w.End = append(w.End, auth.End{Principal: k.key})
		}
		if _, err := k.store.Apply(t.Context(), &w); err != nil {
			t.Fatal(err)
		}
		if notices, err := k.service.Feed(t.Context(), before.Position, 100); err != nil || len(notices) > 0 {
			t.Errorf("%d notices that nobody has obeyed: %v", len(notices), err)
		}
		settle(k)
		at := before.Position
		for {
			notices, err := k.service.Feed(t.Context(), at, 777)
			if err != nil {
				t.Fatal(err)
			}
			if len(notices) == 0 {
				break
			}
			for _, notice := range notices {
				if notice.Seq != at.Seq+1 {
					t.Fatalf("%d follows %d", notice.Seq, at.Seq)
				}
				at = notice.Position()
			}
		}
		if p, _ := k.service.Progress(); at != p.Position || at.Seq < before.Seq+1 {
			t.Errorf("the feed ends at %v, and the node is at %v", at, p.Position)
		}
	})
}
