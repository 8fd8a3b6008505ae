package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Options configure a [Verifier]. Server, ClientID and ClientSecret are required.
type Options struct {
	// Server is where Sallyport is, such as https://login.example.com. Plain http
	// is for loopback addresses only.
	Server string

	// ClientID and ClientSecret are number or code of an account and a key of
	// it, with the role verifier.
	ClientID, ClientSecret string

	// HTTPClient asks the server; nil: one with the defaults of net/http. Its
	// redirects and its cookies are not used, and its time limit does not hold for
	// the feed, which does not end.
	HTTPClient *http.Client

	// Freshness is how old a verdict may be; 0: one second. Less than the half
	// of one leaves no time between the heart-beats of the server, which are 200
	// milliseconds apart; memory is then hardly ever believed.
	Freshness time.Duration

	// CacheSessions bounds how many verdicts are remembered, each less than a
	// kilobyte; 0: 100,000. Beyond it the one of a handful goes that was used
	// longest ago.
	CacheSessions int

	// MaxAsks bounds how many questions are asked at once; 0: 64. Sixteen times
	// as many wait for up to Freshness; more are refused with ErrUnavailable.
	MaxAsks int

	// Refuse answers a call that may not pass, see [StatusOf]; nil: a plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	Logger *slog.Logger     // nil: nothing is logged
	Clock  func() time.Time // nil: the machine's. Spans are measured with it
}

// ErrOptions says what is wrong with the options.
var ErrOptions = errors.New("verify: options")

// Verifier says whose session a token opens. Its methods may be called from many
// goroutines.
type Verifier struct {
	o      Options
	asker  asker
	stream *http.Client // for the feed
	log    *slog.Logger

	seed    seed
	cache   *cache
	flights flights

	base       time.Time    // what now counts from
	freshUntil atomic.Int64 // by now: memory is believed before it
	lastEvent  string       // where the feed goes on; of Run

	closed atomic.Bool
	life   context.Context // ends with Close
	end    context.CancelFunc
}

// New makes a verifier. It asks nobody yet. Until [Verifier.Run] follows the feed,
// the server is asked about every call.
func New(o Options) (*Verifier, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	v := &Verifier{o: o, log: o.Logger, seed: newSeed(), cache: newCache(o.CacheSessions), base: o.Clock()}
	v.freshUntil.Store(-1)
	v.flights.limit = 17 * o.MaxAsks
	asks := *o.HTTPClient
	asks.CheckRedirect, asks.Jar = noRedirect, nil
	stream := asks
	stream.Timeout = 0
	v.asker = asker{client: &asks, server: o.Server, id: o.ClientID, secret: o.ClientSecret, slots: make(chan struct{}, o.MaxAsks)}
	v.stream = &stream
	v.life, v.end = context.WithCancel(context.Background())
	return v, nil
}

// noRedirect: the credentials are for one server.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close ends Run and all questions that are under way. After it every call is
// refused with [ErrUnavailable].
func (v *Verifier) Close() error {
	v.closed.Store(true)
	v.end()
	return nil
}

// Check says whose session a token opens that came without anything beside it.
// The error is [ErrRefused] or [ErrUnavailable].
func (v *Verifier) Check(ctx context.Context, token string) (Session, error) {
	return v.CheckCredential(ctx, Credential{Token: token})
}

// CheckCredential is Check for a token and what stands beside it.
func (v *Verifier) CheckCredential(ctx context.Context, c Credential) (Session, error) {
	s, err := v.check(ctx, &c)
	if err != nil {
		return Session{}, err
	}
	return *s, nil
}

func (v *Verifier) check(ctx context.Context, c *Credential) (*Session, error) {
	switch {
	case v.closed.Load():
		return nil, fmt.Errorf("%w: the verifier is closed", ErrUnavailable)
	case c.Token == "" || !c.bounded():
		return nil, ErrRefused
	}
	k := v.seed.of(c)
	now := v.now()
	if now < v.freshUntil.Load() {
		if e := v.cache.get(&k, now); e != nil {
			return &e.session, nil
		}
	}
	return v.ask(ctx, *c, k)
}

// now is the time since the verifier was made, in nanoseconds. It does not jump
// when somebody sets the clock.
func (v *Verifier) now() int64 { return int64(v.o.Clock().Sub(v.base)) }

func (o *Options) complete() error {
	server, err := url.Parse(o.Server)
	switch {
	case err != nil || server.Host == "" || (server.Scheme != "https" && server.Scheme != "http"):
		return fmt.Errorf("%w: Server must be a URL such as https://login.example.com", ErrOptions)
	case server.User != nil || server.RawQuery != "" || server.Fragment != "":
		return fmt.Errorf("%w: Server must be without user, query and fragment", ErrOptions)
	case server.Scheme == "http" && !loopback(server.Hostname()):
		return fmt.Errorf("%w: Server must be an https URL: over http the key could be read on the way", ErrOptions)
	case o.ClientID == "" || o.ClientSecret == "":
		return fmt.Errorf("%w: ClientID and ClientSecret must be those of a verifier", ErrOptions)
	case o.Freshness < 0 || o.CacheSessions < 0 || o.MaxAsks < 0:
		return fmt.Errorf("%w: Freshness, CacheSessions and MaxAsks must not be negative", ErrOptions)
	}
	o.Server = strings.TrimRight(o.Server, "/")
	def(&o.Freshness, time.Second)
	def(&o.CacheSessions, 100_000)
	def(&o.MaxAsks, 64)
	if o.HTTPClient == nil {
		o.HTTPClient = &http.Client{Transport: ownTransport(o.MaxAsks)}
	}
	if o.Refuse == nil {
		o.Refuse = refuse
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now //nolint:forbidigo // the one place where this package reads the machine's clock
	}
	return nil
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// ownTransport keeps as many connections open as there are questions at once.
func ownTransport(asks int) http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // the program has put its own there
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = asks
	return t
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}
