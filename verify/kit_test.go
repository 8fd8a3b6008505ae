package verify

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/domainpunch"
	"github.com/sallyport/sallyport/dialect/edubrite"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/dialect/sbt"
	"github.com/sallyport/sallyport/gate"
	"github.com/sallyport/sallyport/internal/origin"
	"github.com/sallyport/sallyport/oauth"
	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/sqlite"
)

// world is a real server, with the real core and store, behind a wire that a test
// can hold or cut. Its clock and that of the verifiers are turned by hand.
type world struct {
	*testing.T
	path    string
	keys    *secret.Keys
	wire    *wire
	store   auth.Store
	service *auth.Service
	feed    *gate.Feed
	http    *httptest.Server
	mounts  map[string]*auth.Mount
	clock   turned // the server's
	asks    atomic.Int64

	key, user, robot, verifier auth.PrincipalID
	account                    auth.AccountID
}

const (
	customer     = 123456
	appKey       = "c0ffee00-0000-4000-8000-000000000001"
	verifierName = "VERIFIER"
	verifierKey  = "a verifier's key: 100% +&="
)

// patience is for what has to happen, and does on any machine that is not broken.
const patience = 30 * time.Second

// turned is a clock that stands until it is turned.
type turned struct{ nanos atomic.Int64 }

func (t *turned) now() time.Time       { return time.Unix(0, t.nanos.Load()).UTC() }
func (t *turned) turn(d time.Duration) { t.nanos.Add(int64(d)) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, path: filepath.Join(t.TempDir(), "sallyport.db")}
	w.clock.nanos.Store(time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()) // years from ours
	var err error
	w.keys, err = secret.GenerateKeys()
	w.must(err)
	w.wire = newWire(t)
	w.open()
	w.customers()
	t.Cleanup(w.close)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// open starts the server.
func (w *world) open() {
	w.Helper()
	var err error
	w.store, err = sqlite.Open(context.Background(), sqlite.Options{Path: w.path, Logger: slog.New(slog.DiscardHandler)})
	w.must(err)
	w.service, err = auth.Open(context.Background(), w.store, auth.Options{Keys: w.keys, Hasher: secret.NewHasher(1, 8), Clock: w.clock.now})
	w.must(err)
	o := origin.New(nil, true)
	router := dialect.NewRouter(dialect.RouterOptions{Clock: w.clock.now, Origin: func(r *http.Request) (auth.Origin, bool) {
		p := o.Of(r)
		return auth.Origin{Source: p.Source}, p.Secure
	}})
	w.mounts = map[string]*auth.Mount{}
	for _, def := range []dialect.Definition{electa.Definition(), calamp.Definition(), sbt.Definition(), edubrite.Definition(), domainpunch.Definition(), oauth.Definition()} {
		m := def.Mount(def.Name, "")
		d, err := def.New(dialect.Config{Service: w.service, Mount: m, Router: router})
		w.must(err)
		w.must(router.Mount([]string{def.Name + ".example", "127.0.0.1"}, "", m, d))
		w.mounts[def.Name] = m
	}
	w.feed = gate.NewFeed(gate.FeedOptions{Service: w.service, Origin: o, Logger: slog.New(slog.DiscardHandler)})
	w.http = httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/-/feed" {
			w.feed.ServeHTTP(rw, r)
			return
		}
		if r.URL.Path == "/oauth2/introspect" {
			w.asks.Add(1)
		}
		h, ok := router.Handler(r)
		if !ok {
			http.NotFound(rw, r)
			return
		}
		h.ServeHTTP(rw, r)
	}))
	w.http.Config.WriteTimeout = 10 * time.Second // a stream has to live longer than it allows; see TestStreamsOutliveTimeouts
	w.http.Start()
	w.wire.lead(w.http.Listener.Addr().String())
}

func (w *world) close() {
	if w.http == nil {
		return
	}
	w.feed.Stop()
	w.http.Close()
	w.http = nil
	if err := w.service.Close(); err != nil {
		w.Error(err)
	}
	if err := w.store.Close(); err != nil {
		w.Error(err)
	}
}

func (w *world) customers() {
	w.Helper()
	password, err := w.service.Hasher().Hash(context.Background(), "password")
	w.must(err)
	w.update(func(tx auth.Tx) error {
		tenant := auth.Account{Level: auth.Tenant, Code: "ACME"}
		w.must(tx.PutAccount(&tenant))
		a := auth.Account{Level: auth.Organization, Tenant: tenant.ID, Parent: tenant.ID, Number: customer, Code: "ACME-WEST"}
		w.must(tx.PutAccount(&a))
		division := auth.Account{Level: auth.Division, Tenant: tenant.ID, Parent: a.ID, Code: "ACME-WEST-1"}
		w.must(tx.PutAccount(&division))
		v := auth.Account{Level: auth.Tenant, Code: verifierName}
		w.must(tx.PutAccount(&v))
		key := auth.Key{Account: a.ID, Name: "main", Digest: w.keys.KeyDigest("secret"), Pepper: w.keys.Pepper()}
		w.must(tx.PutKey(&key))
		verifier := auth.Key{Account: v.ID, Name: "verifier", Digest: w.keys.KeyDigest(verifierKey), Pepper: w.keys.Pepper(), Role: auth.Verifier, Everywhere: true}
		w.must(tx.PutKey(&verifier))
		user := auth.User{Tenant: tenant.ID, Account: tenant.ID, Name: "demo", Password: password, Active: true}
		w.must(tx.PutUser(&user))
		robot := auth.User{Tenant: tenant.ID, Account: tenant.ID, Name: "api_1", Password: password, Active: true}
		w.must(tx.PutUser(&robot))
		w.must(tx.PutApp(&auth.App{Key: appKey, Account: tenant.ID, Name: "app"}))
		w.account, w.key, w.user, w.robot, w.verifier = a.ID, key.ID, user.ID, robot.ID, verifier.ID
		return nil
	})
}

func (w *world) update(f func(auth.Tx) error) {
	w.Helper()
	w.must(w.service.Update(context.Background(), f))
}

// login begins a session of the key over a dialect, with a policy if one is given.
func (w *world) login(dialect string, policy ...auth.Policy) auth.Grant {
	w.Helper()
	m := *w.mounts[dialect]
	if len(policy) > 0 {
		m.Policy = policy[0]
	}
	a := auth.Attempt{Mount: &m, Scheme: auth.AccountKey, Number: customer, Secret: "secret", Form: auth.FormNative,
		Origin: auth.Origin{Source: netip.MustParseAddr("192.0.2.1")}}
	switch dialect {
	case "electa":
		a.Form = auth.FormGUID
	case "calamp":
		a.Scheme, a.User, a.Secret, a.App, a.Form = auth.Password, "demo", "password", appKey, auth.FormSeries
	}
	g, err := w.service.Login(context.Background(), &a)
	w.must(err)
	return g
}

func (w *world) revoke(r auth.Revocation) {
	w.Helper()
	_, err := w.service.Revoke(context.Background(), r)
	w.must(err)
}

// verifier is one that follows the feed, over the wire, by a clock of its own.
type verifier struct {
	*Verifier
	*world
	clock   turned
	started bool
	ran     chan struct{}
}

func (w *world) verify(change ...func(*Options)) *verifier {
	w.Helper()
	v := &verifier{world: w, ran: make(chan struct{})}
	v.clock.nanos.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	o := Options{Server: w.wire.url(), ClientID: verifierName, ClientSecret: verifierKey, Clock: v.clock.now,
		HTTPClient: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	for _, f := range change {
		f(&o)
	}
	var err error
	v.Verifier, err = New(o)
	w.must(err)
	w.Cleanup(func() {
		w.must(v.Close())
		if v.started {
			<-v.ran
		}
		o.HTTPClient.CloseIdleConnections()
	})
	return v
}

// follow starts following, and waits until memory is believed.
func (v *verifier) follow() *verifier {
	v.Helper()
	v.start()
	v.await("the first heart-beat", v.isFresh)
	return v
}

func (v *verifier) start() {
	v.started = true
	go func() {
		defer close(v.ran)
		if err := v.Run(context.Background()); err != nil {
			v.Error(err)
		}
	}()
}

// both turns the clocks of server and verifier.
func (v *verifier) both(d time.Duration) {
	v.Helper()
	v.world.clock.turn(d)
	v.clock.turn(d)
}

// beat turns both clocks and waits until the verifier has heard of it.
func (v *verifier) beat(d time.Duration) {
	v.Helper()
	before := v.freshUntil.Load()
	v.both(d)
	v.await("a heart-beat", func() bool { return v.freshUntil.Load() > before })
}

func (w *world) await(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("waited for %s in vain", what)
		}
	}
}

// caughtUp waits until the verifier has heard of all that the store has.
func (v *verifier) caughtUp() {
	v.Helper()
	head, err := v.store.FeedHead(context.Background())
	v.must(err)
	v.await("the end of the feed", func() bool { return v.cache.at(head.Seq) })
}

// want says what a check must say, and whether from memory.
func (v *verifier) want(c Credential, want error, fromMemory bool) Session {
	v.Helper()
	before := v.asks.Load()
	s, err := v.CheckCredential(context.Background(), c)
	if !sameError(err, want) {
		v.Fatalf("check says %v, want %v", err, want)
	}
	if asked := v.asks.Load() > before; asked == fromMemory {
		v.Fatalf("asked the server: %v", asked)
	}
	return s
}

func sameError(err, want error) bool {
	if err == nil || want == nil {
		return err == nil && want == nil
	}
	return strings.HasPrefix(err.Error(), want.Error())
}

func electaCall(g auth.Grant) Credential {
	return Credential{Token: g.Token, Dialect: "electa", Account: customer}
}

// wire is a TCP proxy in front of the server, whose address does not change when
// the server does.
type wire struct {
	listener net.Listener

	mu    sync.Mutex
	to    string // "": nobody is there
	held  chan struct{}
	conns map[net.Conn]bool
}

func newWire(t *testing.T) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &wire{listener: l, conns: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() {
		_ = l.Close()
		p.release()
		p.cut()
	})
	return p
}

func (p *wire) url() string { return "http://" + p.listener.Addr().String() }

func (p *wire) lead(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = addr
}

// hold stops the server's bytes on their way; release lets them go on, all at once.
func (p *wire) hold() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = make(chan struct{})
}

func (p *wire) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held != nil {
		close(p.held)
		p.held = nil
	}
}

// cut breaks all connections.
func (p *wire) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
	clear(p.conns)
}

func (p *wire) serve() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.carry(c)
	}
}

func (p *wire) carry(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	b := make([]byte, 32<<10)
	for {
		n, err := server.Read(b)
		p.mu.Lock()
		held := p.held
		p.mu.Unlock()
		if held != nil {
			<-held
		}
		if n > 0 {
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
