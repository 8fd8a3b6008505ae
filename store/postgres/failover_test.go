//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/postgres/pgtest"
)

// tolerance is for what has to happen, and does on any machine that is not broken.
const tolerance = time.Minute

// site is nodes with one key set, and a customer.
type site struct {
	*testing.T
	keys  *secret.Keys
	mount auth.Mount
	key   auth.PrincipalID
}

// server is one node: a store and a service.
type server struct {
	store *Store
	*auth.Service
}

const siteSecret = "UO86CN11XY73SF72TT40PG18ZE76VV71"

func newSite(t *testing.T) *site {
	t.Helper()
	keys, err := secret.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	return &site{T: t, keys: keys, mount: auth.Mount{Name: "electa", Dialect: "electa", Policy: auth.Policy{Span: time.Hour}}}
}

func (s *site) node(url string) *server {
	s.Helper()
	n := &server{store: openAt(s, url, Options{})}
	var err error
	if n.Service, err = auth.Open(s.Context(), n.store, auth.Options{Keys: s.keys}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = n.Service.Close() })
	return n
}

func (s *site) customer(n *server) {
	s.Helper()
	err := n.Update(s.Context(), func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Number: 123456}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		k := auth.Key{Account: a.ID, Name: "main", Digest: s.keys.KeyDigest(siteSecret), Pepper: s.keys.Pepper()}
		err := tx.PutKey(&k)
		s.key = k.ID
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) login(n *server) auth.Grant {
	s.Helper()
	g, err := n.Login(context.Background(), &auth.Attempt{Mount: &s.mount, Scheme: auth.AccountKey, Number: 123456, Secret: siteSecret,
		Form: auth.FormNative, Origin: auth.Origin{Source: netip.MustParseAddr("192.0.2.1")}})
	if err != nil {
		s.Error(err)
	}
	return g
}

func (s *site) check(n *server, g auth.Grant) error {
	_, err := n.Check(context.Background(), &auth.Bearer{Mount: &s.mount, Form: auth.FormNative, Value: g.Token})
	return err
}

// refused says that the token is, for good: a node that cannot know refuses too, but
// says something else.
func (s *site) refused(n *server, g auth.Grant) bool {
	return auth.RefusalOf(s.check(n, g)).Reason == auth.UnknownToken
}

func (s *site) revoke(n *server, g auth.Grant) {
	s.Helper()
	if ended, err := n.Revoke(s.Context(), auth.Revocation{Session: g.Session.ID}); err != nil || ended != 1 {
		s.Errorf("revoking a session: %d ended, %v", ended, err)
	}
}

func (s *site) await(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(tolerance); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("waited for %s in vain", what)
		}
	}
}

// pair is a primary and a replica that follows it asynchronously, with a wire to
// each.
type pair struct {
	primary, replica *pgtest.Cluster
	wires            [2]*pgtest.Wire
}

func startPair(t *testing.T) *pair {
	t.Helper()
	need(t)
	p := &pair{}
	var err error
	if p.primary, err = pgtest.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.primary.Stop() })
	if p.replica, err = p.primary.Standby(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.replica.Stop() })
	p.wires = [2]*pgtest.Wire{startWire(t, p.primary.Port, 0), startWire(t, p.replica.Port, 0)}
	return p
}

func (p *pair) url() string {
	return fmt.Sprintf("postgres://postgres@%s,%s/postgres", p.wires[0].Addr(), p.wires[1].Addr())
}

// fail has the primary die and the replica take over, behind a wire on which nothing
// passes until the function it returns is called.
func (p *pair) fail(t *testing.T) (resume func()) {
	t.Helper()
	resume = p.wires[1].Stall()
	if err := errors.Join(p.primary.Kill(t.Context()), p.replica.Promote(t.Context())); err != nil {
		t.Fatal(err)
	}
	return resume
}

// A replica that did not have the latest commits takes over. What they began, nobody
// vouches for any more, whether or not the feed lost anything with them; what is
// ended on the new primary, at positions that the nodes have passed already, they
// hear of.
func TestLossyFailover(t *testing.T) {
	for _, lost := range []int{0, 1, 3} {
		t.Run(strconv.Itoa(lost)+" notices lost", func(t *testing.T) {
			p := startPair(t)
			s := newSite(t)
			first, second := s.node(p.url()), s.node(p.url())
			s.customer(first)
			kept := s.login(first)
			if err := errors.Join(p.primary.Received(t.Context(), p.replica), p.replica.Deafen(t.Context())); err != nil {
				t.Fatal(err)
			}
			third := s.node(p.url()) // its lease of session ids is lost
			gone := s.login(first)
			for range lost {
				s.revoke(first, s.login(first))
			}
			head, err := first.store.FeedHead(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			before := map[*server]uint64{}
			for _, n := range []*server{first, second, third} {
				s.await("a node to hear of everything", func() bool { at, _ := n.Progress(); return at.Position == head })
				for _, g := range []auth.Grant{kept, gone} {
					if err := s.check(n, g); err != nil {
						t.Fatal(err)
					}
				}
				at, _ := n.Progress()
				before[n] = at.Epoch
			}

			resume := p.fail(t)
			fresh := s.node(p.replica.URL("postgres"))
			if lost > 0 {
				s.revoke(fresh, kept)
				for range lost {
					s.revoke(fresh, s.login(fresh))
				}
			}
			resume()
			for _, n := range []*server{first, second, third} {
				s.await("a node to refuse a session that was lost", func() bool { return s.refused(n, gone) })
				s.await("a node to say what the new primary does", func() bool {
					if lost > 0 {
						return s.refused(n, kept)
					}
					return s.check(n, kept) == nil
				})
				if at, _ := n.Progress(); at.Epoch != before[n]+1 {
					t.Errorf("it started afresh %d times", at.Epoch-before[n])
				}
			}
			s.everyoneLogsIn(first, second, third, fresh)
		})
	}
}

// everyoneLogsIn: no login fails for an id that is taken, and no id is given twice.
func (s *site) everyoneLogsIn(nodes ...*server) {
	s.Helper()
	var ids sync.Map
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			for range 25 {
				g := s.login(n)
				if _, twice := ids.LoadOrStore(g.Session.ID, true); twice {
					s.Errorf("session id %d was given twice", g.Session.ID)
				}
			}
		})
	}
	wg.Wait()
}

// A feed that was set back by other means, under the same server, is told from the
// one that was followed by its notices alone.
func TestSetBack(t *testing.T) {
	url := inSchema(t, t.TempDir())
	s := openAt(t, url, Options{})
	end := func() auth.Position {
		t.Helper()
		if _, err := s.Apply(t.Context(), &auth.WriteSet{End: []auth.End{{Principal: 7}}}); err != nil {
			t.Fatal(err)
		}
		at, err := s.FeedHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	kept, lost := end(), end()
	exec(t, url, "DELETE FROM feed WHERE seq > "+strconv.FormatUint(kept.Seq, 10))
	if again := end(); again.Seq != lost.Seq || again.Mark == lost.Mark {
		t.Fatalf("position %v was used again as %v", lost, again)
	}
	if _, err := s.Feed(t.Context(), lost, 10); !errors.Is(err, auth.ErrNotFound) {
		t.Errorf("after a notice that was lost: %v", err)
	}
	if list, err := s.Feed(t.Context(), kept, 10); err != nil || len(list) != 1 {
		t.Errorf("after one that was kept: %v, %v", list, err)
	}
	// Notices of before there were marks are told by their position alone.
	exec(t, url, "UPDATE feed SET mark = NULL")
	old, err := s.FeedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Feed(t.Context(), old, 10); err != nil {
		t.Errorf("after a notice without a mark: %v", err)
	}
}
