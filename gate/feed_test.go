package gate

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/internal/origin"
)

// followable is a feed over the kit's core, with a verifier of number 77.
func (k *kit) followable(t *testing.T) *Feed {
	t.Helper()
	keys := k.service.Keys()
	must(t, k.service.Update(t.Context(), func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Number: 77, Code: "VERIFIER"}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		return tx.PutKey(&auth.Key{Account: a.ID, Name: "verifier", Digest: keys.KeyDigest("v: %"), Pepper: keys.Pepper(), Role: auth.Verifier, Everywhere: true})
	}))
	f := NewFeed(FeedOptions{Service: k.service, Origin: origin.New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, true), Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(f.Stop)
	return f
}

func feedRequest(t *testing.T, url, last string) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/-/feed", nil)
	must(t, err)
	r.SetBasicAuth("77", "v%3A+%25")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	return r
}

// told reads events from a stream.
type told struct {
	*testing.T
	lines *bufio.Scanner
	body  io.Closer
}

func open(t *testing.T, client *http.Client, r *http.Request) *told {
	t.Helper()
	res, err := client.Do(r)
	must(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	return &told{t, bufio.NewScanner(res.Body), res.Body}
}

// next is the next event but heart-beats: "name id data".
func (s *told) next() string {
	s.Helper()
	for {
		name, id, data, ok := s.any()
		if !ok {
			return "end"
		}
		if name != "alive" {
			return strings.TrimSpace(name + " " + id + " " + data)
		}
	}
}

func (s *told) any() (name, id, data string, ok bool) {
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			return name, id, data, true
		}
	}
	return "", "", "", false
}

// alive is the next heart-beat.
func (s *told) alive() (at int64, seq uint64) {
	s.Helper()
	for {
		name, id, data, ok := s.any()
		if !ok {
			s.Fatal("the stream ended")
		}
		if name != "alive" {
			continue
		}
		var d struct {
			At  int64
			Seq uint64
		}
		must(s, json.Unmarshal([]byte(data), &d))
		if id != "" {
			s.Errorf("a heart-beat with id %q", id)
		}
		return d.At, d.Seq
	}
}

func (k *kit) head(t *testing.T) uint64 {
	t.Helper()
	head, err := k.store.FeedHead(context.Background())
	must(t, err)
	return head.Seq
}

// The feed tells what ends, over both versions of HTTP and for longer than the
// server lets an answer take, and who comes back misses nothing.
func TestFeed(t *testing.T) {
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(version, func(t *testing.T) {
			k := newKit(t)
			server := httptest.NewUnstartedServer(k.followable(t))
			const short = 300 * time.Millisecond
			server.Config.ReadTimeout, server.Config.WriteTimeout, server.Config.IdleTimeout = short, short, short
			server.EnableHTTP2 = version == "HTTP/2.0"
			server.StartTLS()
			t.Cleanup(server.Close)

			asked := time.Now()
			s := open(t, server.Client(), feedRequest(t, server.URL, ""))
			head := k.head(t)
			if got, want := s.next(), fmt.Sprintf("reset %d-", head); !strings.HasPrefix(got, want) {
				t.Fatalf("it begins with %q, want %q", got, want)
			}
			first, seq := s.alive()
			if seq != head || first < asked.UnixMicro() {
				t.Errorf("the first heart-beat is of %d at %d, from before the request", first, seq)
			}
			for at := first; at < first+4*short.Microseconds(); {
				later, _ := s.alive()
				if later <= at {
					t.Fatalf("a heart-beat of %d after one of %d", later, at)
				}
				at = later
			}

			k.end(t, auth.Revocation{Principal: 1})
			k.end(t, auth.Revocation{Account: 2})
			must(t, k.service.Update(t.Context(), func(tx auth.Tx) error { return tx.PutApp(&auth.App{Key: "x", Account: 2, Name: "x"}) }))
			var last string
			for i, want := range []string{`{"principal":1}`, `{"account":2}`, `{"all":true}`} {
				got := s.next()
				if !strings.HasPrefix(got, fmt.Sprintf("ended %d-", head+uint64(i)+1)) || !strings.HasSuffix(got, " "+want) {
					t.Errorf("%q, want %q", got, want)
				}
				last = strings.Fields(got)[1]
			}
			_ = s.body.Close()

			k.end(t, auth.Revocation{Account: 3})
			s = open(t, server.Client(), feedRequest(t, server.URL, last))
			if got := s.next(); !strings.HasPrefix(got, fmt.Sprintf("ended %d-", head+4)) || !strings.HasSuffix(got, ` {"account":3}`) {
				t.Errorf("it goes on with %q", got)
			}
			if _, seq := s.alive(); seq != head+4 {
				t.Errorf("the heart beats at %d", seq)
			}
		})
	}
}

func (k *kit) end(t *testing.T, r auth.Revocation) {
	t.Helper()
	_, err := k.service.Revoke(context.Background(), r)
	must(t, err)
}

// The kinds of notices as followers know them.
func TestFeedWire(t *testing.T) {
	s := stream{}
	s.ended([]auth.Notice{{Seq: 1, Mark: 1<<64 - 1, Kind: auth.EndedSession, ID: 9}, {Seq: 2, Kind: auth.ChangedPrincipal, ID: 8}, {Seq: 3, Kind: auth.ChangedAccount, ID: 7},
		{Seq: 4, Kind: auth.ChangedGuard}, {Seq: 5, Kind: 99, ID: 1}})
	want := "id: 1-18446744073709551615\nevent: ended\ndata: {\"session\":9}\n\nid: 2-0\nevent: ended\ndata: {\"principal\":8}\n\n" +
		"id: 3-0\nevent: ended\ndata: {\"account\":7}\n\nid: 4-0\nevent: ended\ndata: {}\n\nid: 5-0\nevent: ended\ndata: {\"all\":true}\n\n"
	if string(s.events) != want {
		t.Errorf("%s", s.events)
	}
	for id, ok := range map[string]bool{"1-2": true, "0-2": true, "1-18446744073709551615": true, "1-18446744073709551616": false, "": false, "1": false, "-": false,
		"1-": false, "-1-1": false, "1--1": false, "1-2-3": false, "1-" + strings.Repeat("1", 99): false} {
		if _, got := parseEventID(id); got != ok {
			t.Errorf("%q is read: %v", id, got)
		}
	}
}

func TestFeedRefuses(t *testing.T) {
	k := newKit(t)
	f := k.followable(t)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	for what, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"POST":            {func(r *http.Request) { r.Method = http.MethodPost }, 405},
		"nobody":          {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"twice":           {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 401},
		"wrong key":       {func(r *http.Request) { r.SetBasicAuth("77", "x") }, 401},
		"not encoded":     {func(r *http.Request) { r.SetBasicAuth("77", "v: %") }, 401},
		"no such name":    {func(r *http.Request) { r.SetBasicAuth("NOBODY", "v%3A+%25") }, 401},
		"a client":        {func(r *http.Request) { r.SetBasicAuth(accountNumber, "secret") }, 401},
		"another scheme":  {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401},
		"unsafe position": {func(r *http.Request) { r.Header.Set("Last-Event-ID", "x\"y") }, 200},
		"by code":         {func(r *http.Request) { r.SetBasicAuth("VERIFIER", "v%3A+%25") }, 200},
	} {
		r := feedRequest(t, server.URL, "")
		c.change(r)
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		_ = res.Body.Close()
		if res.StatusCode != c.status || (c.status == 401) != (res.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %s %v", what, res.Status, res.Header)
		}
	}
	rec := httptest.NewRecorder()
	r := feedRequest(t, "http://api.example", "")
	r.RemoteAddr = clientAddr
	f.ServeHTTP(rec, r)
	if rec.Code != 403 {
		t.Errorf("plain HTTP: %d", rec.Code)
	}

	nobody(t, f)
	f.open.Store(maxFollowers)
	res, err := http.DefaultClient.Do(feedRequest(t, server.URL, ""))
	must(t, err)
	_ = res.Body.Close()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %s", res.Status)
	}
	if f.open.Load() != maxFollowers {
		t.Error("places are lost")
	}
}

// One verifier's processes cannot take every place: those of others still follow.
func TestFeedKeepsPlacesForOthers(t *testing.T) {
	k := newKit(t)
	f := k.followable(t)
	keys := k.service.Keys()
	must(t, k.service.Update(t.Context(), func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Number: 78, Code: "OTHER"}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		return tx.PutKey(&auth.Key{Account: a.ID, Name: "verifier", Digest: keys.KeyDigest("w"), Pepper: keys.Pepper(), Role: auth.Verifier, Everywhere: true})
	}))
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	follow := func(change func(*http.Request)) *http.Response {
		t.Helper()
		r := feedRequest(t, server.URL, "")
		change(r)
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		t.Cleanup(func() { _ = res.Body.Close() })
		return res
	}
	same := func(*http.Request) {}
	first := follow(same)
	for i := 1; i < maxOfOne; i++ {
		if res := follow(same); res.StatusCode != 200 {
			t.Fatalf("follower %d of one key: %s", i+1, res.Status)
		}
	}
	if res := follow(same); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("one too many of a key: %s", res.Status)
	}
	if res := follow(func(r *http.Request) { r.SetBasicAuth("78", "w") }); res.StatusCode != 200 {
		t.Errorf("another key: %s", res.Status)
	}
	_ = first.Body.Close()
	for end := time.Now().Add(time.Minute); follow(same).StatusCode != 200; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the place of one that left stays taken")
		}
	}
}

// A server that stops does not wait for its followers, and takes no new ones.
func TestFeedStops(t *testing.T) {
	k := newKit(t)
	f := k.followable(t)
	f.recheck = time.Hour
	server := httptest.NewUnstartedServer(f)
	server.Config.RegisterOnShutdown(f.Stop)
	server.Start()
	s := open(t, server.Client(), feedRequest(t, server.URL, ""))
	s.alive()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	must(t, server.Config.Shutdown(ctx))
	for range 100 {
		if s.next() == "end" {
			break
		}
	}
	rec := httptest.NewRecorder()
	r := feedRequest(t, "http://api.example", "")
	r.RemoteAddr = "127.0.0.1:1"
	f.ServeHTTP(rec, r)
	if rec.Code != 503 {
		t.Errorf("a follower after the stop gets %d", rec.Code)
	}
}

// A verifier that is disabled is cut off.
func TestFeedLooksAgain(t *testing.T) {
	k := newKit(t)
	f := k.followable(t)
	f.recheck = 10 * time.Millisecond
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	s := open(t, server.Client(), feedRequest(t, server.URL, ""))
	s.next()
	s.alive()
	s.alive() // it was looked at again meanwhile, most likely, and stayed
	must(t, k.service.Update(t.Context(), func(tx auth.Tx) error {
		a, err := tx.AccountByCode(0, "VERIFIER")
		if err != nil {
			return err
		}
		a.Disabled = true
		return tx.PutAccount(&a)
	}))
	for s.next() != "end" {
		continue
	}
}

// A follower that does not take what it is told is cut off, and its place is free.
func TestFeedSlowFollower(t *testing.T) {
	k := newKit(t)
	f := k.followable(t)
	f.write = 10 * time.Millisecond
	ours, theirs := net.Pipe() // holds nothing: a write waits until it is read
	server := &http.Server{Handler: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(&oneConn{conn: loopbackConn{theirs}, closed: make(chan struct{})}) }()
	t.Cleanup(func() { _ = server.Close() })
	r := feedRequest(t, "http://api.example", "")
	go func() { _ = r.Write(ours) }()
	b := make([]byte, 1)
	if _, err := ours.Read(b); err != nil || f.open.Load() != 1 {
		t.Fatalf("%v, %d followers", err, f.open.Load())
	}
	nobody(t, f)
}

// nobody waits until no follower is left.
func nobody(t *testing.T, f *Feed) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); f.open.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("followers are still there")
		}
	}
}

// oneConn is a listener of one connection.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { close(l.closed); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

type loopbackConn struct{ net.Conn }

func (loopbackConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// A database that may have lost something lets the followers go: they come back, are
// told to forget, and not before every other node must have noticed too, which could
// tell them again what was lost.
func TestFeedStartsAfresh(t *testing.T) {
	k := newKit(t)
	k.followable(t)
	store := &another{Store: k.store}
	service, err := auth.Open(t.Context(), store, auth.Options{Keys: k.service.Keys()})
	must(t, err)
	t.Cleanup(func() { _ = service.Close() })
	f := NewFeed(FeedOptions{Service: service, Origin: origin.New(nil, true), Logger: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Cleanup(f.Stop)
	s := open(t, server.Client(), feedRequest(t, server.URL, ""))
	first := strings.Fields(s.next())
	if at, _ := service.Progress(); first[0] != "reset" || first[1] != fmt.Sprintf("%d-%d", at.Seq, at.Mark) || !at.Settled.IsZero() {
		t.Fatalf("it begins with %q at %+v", first, at)
	}
	s.alive()
	s = open(t, server.Client(), feedRequest(t, server.URL, first[1]))
	s.alive() // it goes on, without a word

	store.history.Store(1)
	if got := s.next(); got != "end" {
		t.Errorf("it goes on with %q", got)
	}
	s = open(t, server.Client(), feedRequest(t, server.URL, first[1]))
	again := strings.Fields(s.next())
	at, _ := service.Progress()
	if again[0] != "reset" || again[1] == first[1] || again[1] != fmt.Sprintf("%d-%d", at.Seq, at.Mark) {
		t.Errorf("then it begins with %q at %+v", again, at)
	}
	if now := service.Now(); at.Settled.IsZero() || now.Before(at.Settled) {
		t.Errorf("it begins again at %v, and others may not have noticed until %v", now, at.Settled)
	}
	s.alive()
}

// another is a store that turns into another one whose feed looks just the same.
type another struct {
	auth.Store
	history atomic.Uint64
}

func (a *another) Feed(ctx context.Context, after auth.Position, limit int) ([]auth.Notice, error) {
	h := a.history.Load()
	after.Mark ^= h
	list, err := a.Store.Feed(ctx, after, limit)
	for i := range list {
		list[i].Mark ^= h
	}
	return list, err
}

func (a *another) FeedHead(ctx context.Context) (auth.Position, error) {
	head, err := a.Store.FeedHead(ctx)
	head.Mark ^= a.history.Load()
	return head, err
}
