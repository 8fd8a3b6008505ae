package gate

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Signing keys are derived from the server's key set and the number of a period,
// so that all nodes agree on them without a word. Verifiers have seen a key
// before it signs, and still find it after it has: published are those of the
// period before, of this one and of the next.
//
// A rotated key set (`sallyport keys rotate`) is published at once, and signs
// after signingSettles: by then no verifier's copy is older than it.
const (
	signingPeriod    = 7 * 24 * time.Hour
	signingSettles   = keysMaxAge + 5*time.Minute
	keysMaxAge       = 10 * time.Minute // for how long verifiers may keep what is published
	maxPublishedSets = 4                // of the key set, the newest; 3 keys each
)

// keySet is the server's key set, as far as signing needs it: a pointer.
type keySet interface {
	Len() int
	Prepared() int
	SigningKey(i int, period uint64) (key ed25519.PrivateKey, id uint32)
}

// signer knows which key signs now and which are published.
type signer struct {
	keys  func() keySet
	since time.Time // when the key set became what it was at the start

	ring atomic.Pointer[ring]

	mu      sync.Mutex
	primary uint32    // the primary key that was seen last
	signing uint32    // which of the set signs
	adopts  time.Time // when the primary does
}

// ring is what a signer knows for some time.
type ring struct {
	set       keySet
	period    uint64
	until     time.Time // when another of the set signs; zero: not by itself
	jws       jose.Signer
	published []byte // RFC 7517, section 5
}

func periodAt(now time.Time) uint64 { return uint64(now.Unix()) / uint64(signingPeriod/time.Second) }

// at is what holds now.
func (s *signer) at(now time.Time) (*ring, error) {
	set, period := s.keys(), periodAt(now)
	holds := func(r *ring) bool {
		return r != nil && r.set == set && r.period == period && (r.until.IsZero() || now.Before(r.until))
	}
	if r := s.ring.Load(); holds(r) {
		return r, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.ring.Load(); holds(r) {
		return r, nil
	}
	r := &ring{set: set, period: period}
	i := s.choose(set, period, now)
	if now.Before(s.adopts) {
		r.until = s.adopts
	}
	if err := r.make(i); err != nil {
		return nil, fmt.Errorf("making the keys that sign: %w", err)
	}
	s.ring.Store(r)
	return r, nil
}

// choose says which key of the set signs: the primary, once it was published for
// long enough, and until then the one before it.
func (s *signer) choose(set keySet, period uint64, now time.Time) int {
	_, primary := set.SigningKey(0, period)
	switch {
	case s.primary == primary:
	case s.primary != 0:
		s.adopts = now.Add(signingSettles)
	case set.Len() > 1+set.Prepared(): // a prepared key never signed
		_, s.signing = set.SigningKey(1+set.Prepared(), period)
		s.adopts = s.since.Add(signingSettles)
		if latest := now.Add(signingSettles); s.adopts.After(latest) {
			s.adopts = latest // the time of the file cannot be right
		}
	}
	s.primary = primary
	if now.Before(s.adopts) {
		for i := range min(set.Len(), maxPublishedSets) {
			if _, id := set.SigningKey(i, period); id == s.signing {
				return i
			}
		}
	}
	s.signing, s.adopts = primary, time.Time{}
	return 0
}

// make derives the keys and writes what is published of them.
func (r *ring) make(signing int) error {
	var list jose.JSONWebKeySet
	for i := range min(r.set.Len(), maxPublishedSets) {
		for _, period := range [...]uint64{r.period, r.period + 1, r.period - 1} {
			private, _ := r.set.SigningKey(i, period)
			key, err := webKey(private)
			if err != nil {
				return err
			}
			if i == signing && period == r.period {
				o := (&jose.SignerOptions{}).WithType("at+jwt") // RFC 9068, section 2.1
				if r.jws, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, o); err != nil {
					return err
				}
			}
			list.Keys = append(list.Keys, key.Public())
		}
	}
	var err error
	r.published, err = json.Marshal(list)
	return err
}

// webKey names a key by its thumbprint (RFC 7638).
func webKey(private ed25519.PrivateKey) (jose.JSONWebKey, error) {
	key := jose.JSONWebKey{Key: private, Algorithm: string(jose.EdDSA), Use: "sig"}
	sum, err := key.Thumbprint(crypto.SHA256)
	key.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	return key, err
}

// KeysPath is where the keys are published.
const KeysPath = "/.well-known/jwks.json"

// Keys answers GET and HEAD [KeysPath] with the public keys that assertions are
// verified with (RFC 7517, section 5).
func (g *Gate) Keys(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "ask with GET")
		return
	case !g.o.Origin.Of(r).Secure: // who sits in between could answer with keys of their own
		plain(w, http.StatusForbidden, "ask over https")
		return
	}
	ring, err := g.assertions.signer.at(g.o.Service.Now())
	if err != nil {
		g.o.Logger.ErrorContext(r.Context(), "no keys to publish", "error", err)
		plain(w, http.StatusServiceUnavailable, "try again")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(keysMaxAge/time.Second)))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(ring.published)
}
