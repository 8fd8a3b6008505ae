package gate

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// AssertionHeader carries what the other identity headers say, and more, as a
// JWT signed by the gate (RFC 9068), for an API that does not trust whatever
// stands between. It is sent where the configuration asks for it.
const AssertionHeader = "Sallyport-Assertion"

// An assertion is good for assertionLife, and is used for all calls of its
// session until only renewBefore is left: an API that passes it on has that long.
const (
	assertionLife = 60 * time.Second
	renewBefore   = 30 * time.Second
)

// Assertions say what is signed, if anything.
type Assertions struct {
	// Issuer is who signs: a URL under which [KeysPath] is served. "": nobody.
	Issuer string

	// Audience is the API that forward-auth and ext_authz check for. "": they
	// send no assertion; the reverse proxy does where a route says so.
	Audience string

	// KeysSince is when the key set became what it is at the start: a primary key
	// younger than some minutes does not sign yet. Zero: long ago.
	KeysSince time.Time
}

// claims are what an assertion says (RFC 9068, section 2.2), under the names that
// introspection has for the same.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Issued   int64  `json:"iat"`
	ID       string `json:"jti"` // of the assertion, which many calls carry
	Client   string `json:"client_id"`
	Scope    string `json:"scope,omitempty"` // section 2.2.3

	Account   string           `json:"account"`
	Path      []string         `json:"account_path"` // from the tenant down
	Name      string           `json:"username"`     // as the header has it
	Dialect   string           `json:"sallyport_dialect"`
	Session   auth.SessionID   `json:"sallyport_session"`
	Principal auth.PrincipalID `json:"sallyport_principal"`
	Actor     *actor           `json:"act,omitempty"` // who acts for the subject (RFC 8693, section 4.1)
}

type actor struct {
	Subject string `json:"sub"`
	Client  string `json:"client_id"`
	Name    string `json:"username"`
}

func newAssertions(o *Options) *assertions {
	a := &assertions{issuer: o.Assertions.Issuer}
	a.signer.keys, a.signer.since = func() keySet { return o.Service.Keys() }, o.Assertions.KeysSince
	return a
}

// subjectOf is unique in the server and never given to another, as RFC 7519,
// section 4.1.2, asks for: names are unique in their tenant only.
func subjectOf(who *auth.Identity) string { return strconv.FormatInt(int64(who.Principal), 10) }

func claimsOf(by dialect.Dialect, s *auth.Session) claims {
	c := claims{Subject: subjectOf(s.Identity), Client: s.App, Account: s.Identity.AccountRef, Path: s.Identity.PathRefs,
		Name: s.Identity.Subject, Dialect: s.Dialect, Session: s.ID, Principal: s.Identity.Principal}
	if c.Client == "" {
		c.Client = c.Account // which is what an OAuth client is called here
	}
	if a := s.Actor; a != nil {
		c.Actor = &actor{Subject: subjectOf(a), Client: a.AccountRef, Name: a.Subject}
	}
	if d, ok := by.(dialect.Scoping); ok {
		c.Scope = d.Scope(s.Attrs)
	}
	if d, ok := by.(dialect.Delegating); ok && s.Actor == nil {
		if who, acts := d.Acting(s.Attrs); acts {
			c.Client = who.Client
			c.Actor = &actor{Subject: strconv.FormatInt(int64(who.Principal), 10), Client: who.Client, Name: who.Name}
		}
	}
	return c
}

// assertions signs, and keeps what it signed for the calls that follow: signing
// costs more than all else that is done for a call. It holds at most
// maxAssertions, some 30 MiB. What is in it is no proof of anything: every call
// is checked before it is looked at.
type assertions struct {
	issuer string
	signer signer
	shards [assertionShards]assertionShard
}

const (
	maxAssertions   = 32768
	assertionShards = 64
)

type assertionShard struct {
	mu   sync.Mutex
	kept map[assertionKey]*assertion
}

// assertionKey is what an assertion was made of. An identity that changes in any
// way is another pointer, so that nobody is told yesterday's name; the keys hold
// on to their identities, so that no other comes to stand at the same address.
type assertionKey struct {
	session  auth.SessionID
	audience string
	who, act *auth.Identity
}

// assertion is one that is kept. Whoever finds it missing or about to end signs
// it under mu, and the others wait for that one.
type assertion struct {
	mu     sync.Mutex
	signed atomic.Pointer[signed]
}

type signed struct {
	header     []string // full, so that an append to it copies
	renew, end int64    // Unix nanoseconds
}

// assert sets the assertion of a decision's session for an audience among the headers, if
// there is an audience and an issuer. It allocates nothing while the last one is
// good. After an error, which is the server's own trouble, the call must not go on:
// an API that asks for an assertion relies on it.
func (g *Gate) assert(h http.Header, d *decision, audience string) error {
	if audience == "" || g.assertions.issuer == "" {
		return nil
	}
	s, now := &d.session, g.o.Service.Now()
	a := g.assertions.entry(assertionKey{s.ID, audience, s.Identity, s.Actor}, now)
	if last := a.signed.Load(); last != nil && now.UnixNano() < last.renew {
		h[AssertionHeader] = last.header
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	last := a.signed.Load()
	if last == nil || now.UnixNano() >= last.renew {
		var err error
		if last, err = g.assertions.sign(d.dialect, s, audience, now); err != nil {
			return fmt.Errorf("signing an assertion: %w", err)
		}
		a.signed.Store(last)
	}
	h[AssertionHeader] = last.header
	return nil
}

func (a *assertions) sign(by dialect.Dialect, s *auth.Session, audience string, now time.Time) (*signed, error) {
	ring, err := a.signer.at(now)
	if err != nil {
		return nil, err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	c := claimsOf(by, s)
	c.Issuer, c.Audience, c.ID = a.issuer, audience, base64.RawURLEncoding.EncodeToString(id[:])
	c.Issued, c.Expires = now.Unix(), now.Add(assertionLife).Unix()
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	var jws *jose.JSONWebSignature
	if jws, err = ring.jws.Sign(text); err != nil {
		return nil, err
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		return nil, err
	}
	return &signed{header: []string{token}, renew: now.Add(assertionLife - renewBefore).UnixNano(), end: now.Add(assertionLife).UnixNano()}, nil
}

// entry finds or makes the place of an assertion.
func (a *assertions) entry(k assertionKey, now time.Time) *assertion {
	s := &a.shards[k.session%assertionShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.kept[k]; e != nil {
		return e
	}
	s.makeRoom(now.UnixNano())
	e := new(assertion)
	if s.kept == nil {
		s.kept = map[assertionKey]*assertion{}
	}
	s.kept[k] = e
	return e
}

// makeRoom removes what is over of a random handful, and one more if the shard
// is full still. It runs whenever something is added, so that what is over does
// not stay while there are calls.
func (s *assertionShard) makeRoom(now int64) {
	const samples = 8
	n := 0
	for k, e := range s.kept { // begins at a random place
		last := e.signed.Load()
		full := len(s.kept) >= maxAssertions/assertionShards
		if n++; n > samples && !full {
			return
		}
		if last != nil && now >= last.end || n > samples {
			delete(s.kept, k)
		}
	}
}
