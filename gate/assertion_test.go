package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

const (
	issuer   = "https://login.example"
	audience = "https://api.example/v1"
)

// assertingKit is a gate that signs.
func assertingKit(t testing.TB) *kit {
	k := newKit(t)
	o := k.o
	o.Assertions = Assertions{Issuer: issuer, Audience: audience}
	k.Gate = New(o)
	return k
}

// published fetches the keys as an outsider does.
func (k *kit) published(t testing.TB) (set jose.JSONWebKeySet) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "https://login.example"+KeysPath, nil)
	r.RemoteAddr = clientAddr
	k.Keys(w, r)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jwk-set+json" || w.Header().Get("Cache-Control") != "public, max-age=600" {
		t.Fatalf("the keys are answered %d %v", w.Code, w.Header())
	}
	if bytes.Contains(w.Body.Bytes(), []byte(`"d"`)) {
		t.Fatalf("a private key is published: %s", w.Body)
	}
	must(t, json.Unmarshal(w.Body.Bytes(), &set))
	return set
}

// asserted is what the API behind is sent for a call over Electa.
func (k *kit) asserted(t testing.TB) string {
	t.Helper()
	w := k.forward(proxyAddr, "both.example", k.electaURI())
	if w.Code != http.StatusOK {
		t.Fatalf("answered %d: %s", w.Code, w.Body)
	}
	return w.Header().Get(AssertionHeader)
}

// verify does what docs/gate/assertion.md tells an API to do.
func verify(token string, keys jose.JSONWebKeySet, now time.Time) (map[string]any, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, err
	}
	if typ := parsed.Headers[0].ExtraHeaders["typ"]; typ != "at+jwt" {
		return nil, fmt.Errorf("typ %v", typ)
	}
	key := keys.Key(parsed.Headers[0].KeyID)
	if len(key) != 1 {
		return nil, fmt.Errorf("%d keys are called %q", len(key), parsed.Headers[0].KeyID)
	}
	var registered jwt.Claims
	var all map[string]any
	if err := parsed.Claims(key[0], &registered, &all); err != nil {
		return nil, err
	}
	return all, registered.ValidateWithLeeway(jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{audience}, Time: now}, 0)
}

func TestAssertionSaysWhoCalls(t *testing.T) {
	k := assertingKit(t)
	claims, err := verify(k.asserted(t), k.published(t), k.service.Now())
	must(t, err)
	for name, want := range map[string]string{
		"iss": issuer, "aud": audience, "client_id": accountNumber, "account": accountNumber, "account_path": "[ACME 123456]",
		"sallyport_dialect": "electa", "username": "J\u00f6rg's key", "act": "<nil>",
	} {
		if got := fmt.Sprint(claims[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if id, _ := claims["jti"].(string); len(id) != 22 {
		t.Errorf("jti is %v", claims["jti"])
	}
	if claims["sub"] != fmt.Sprint(claims["sallyport_principal"]) || claims["sub"] == "0" {
		t.Errorf("sub is %v of principal %v", claims["sub"], claims["sallyport_principal"])
	}
	if exp, iat := claims["exp"].(float64), claims["iat"].(float64); exp-iat != 60 {
		t.Errorf("it lives %v s", exp-iat)
	}
}

// Over CalAmp a user calls by a program that names itself.
func TestAssertionOfAUser(t *testing.T) {
	k := assertingKit(t)
	r := httptest.NewRequest(http.MethodGet, "https://both.example/x", nil)
	r.Header.Set("Authorization", "Bearer "+k.calamp)
	r.Header.Set("calamp-services-app", app)
	r.Header.Set(AssertionHeader, "of the client's making")
	_, reached, _ := k.call(r)
	if reached == nil || len(reached.Header[AssertionHeader]) != 1 {
		t.Fatal("the API behind the guard is sent no assertion")
	}
	claims, err := verify(reached.Header.Get(AssertionHeader), k.published(t), k.service.Now())
	must(t, err)
	if claims["username"] != "demo" || claims["client_id"] != app {
		t.Errorf("says %v", claims)
	}
}

// Whatever is changed of an assertion, it is not believed.
func TestAssertionCannotBeAltered(t *testing.T) {
	k := assertingKit(t)
	token, keys := k.asserted(t), k.published(t)
	for i := 0; i < len(token); i += 3 {
		b := []byte(token)
		if b[i] == '.' {
			continue
		}
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		if i == len(token)-1 { // of the last character only some bits count
			continue
		}
		if _, err := verify(string(b), keys, k.service.Now()); err == nil {
			t.Fatalf("altered at %d it is believed", i)
		}
	}
	if _, err := verify(token, keys, k.service.Now().Add(61*time.Second)); err == nil {
		t.Error("it is believed after its end")
	}
	other := assertingKit(t)
	if _, err := verify(token, other.published(t), k.service.Now()); err == nil {
		t.Error("it is believed under another server's keys")
	}
}

// One assertion serves all calls of a session until half of its life is over.
func TestAssertionIsKept(t *testing.T) {
	k := assertingKit(t)
	first := k.asserted(t)
	if again := k.asserted(t); again != first {
		t.Error("signed again for the next call")
	}
	k.late.Add(int64(29 * time.Second))
	if again := k.asserted(t); again != first {
		t.Error("signed again with 31 s left")
	}
	k.late.Add(int64(2 * time.Second))
	next := k.asserted(t)
	if next == first {
		t.Error("not signed again with 29 s left")
	}
	_, err := verify(next, k.published(t), k.service.Now())
	must(t, err)
}

// An assertion is for one audience, one session, and the identities as they are.
func TestAssertionIsOfNobodyElse(t *testing.T) {
	k := assertingKit(t)
	grant := func(s *auth.Session, audience string) string {
		h := http.Header{}
		must(t, k.assert(h, &decision{session: *s}, audience))
		return h.Get(AssertionHeader)
	}
	who := auth.Identity{Principal: 7, Subject: "anna", AccountRef: "1", PathRefs: []string{"ACME", "1"}}
	renamed := who
	renamed.Subject = "bert"
	seen := map[string]string{}
	for name, s := range map[string]auth.Session{
		"a user": {ID: 5, Identity: &who}, "renamed": {ID: 5, Identity: &renamed}, "another session": {ID: 6, Identity: &who},
		"acted for": {ID: 5, Identity: &who, Actor: &renamed}, "acted for by another": {ID: 5, Identity: &who, Actor: &auth.Identity{Principal: 8, Subject: "carl"}},
	} {
		for _, a := range []string{"a", "b"} {
			token := grant(&s, a)
			if before, twice := seen[token]; twice {
				t.Errorf("%s at %s is told what is said of %s", name, a, before)
			}
			seen[token] = name + " at " + a
			if again := grant(&s, a); again != token {
				t.Errorf("%s at %s is not remembered", name, a)
			}
		}
	}
	parsed, err := jwt.ParseSigned(grant(&auth.Session{ID: 5, Identity: &who, Actor: &renamed}, "a"), []jose.SignatureAlgorithm{jose.EdDSA})
	must(t, err)
	var c claims
	must(t, parsed.UnsafeClaimsWithoutVerification(&c))
	if c.Actor == nil || c.Actor.Name != "bert" || c.Actor.Subject != "7" {
		t.Errorf("act is %+v", c.Actor)
	}
}

// delegating is a dialect whose sessions somebody else acts with.
type delegating struct{ dialect.Dialect }

func (delegating) Acting(attrs string) (dialect.Acting, bool) {
	return dialect.Acting{Principal: 11, Client: "77", Name: attrs}, attrs != ""
}

// A back end that has got a user's session by token exchange is named.
func TestAssertionOfADelegate(t *testing.T) {
	own := claimsOf(delegating{}, &auth.Session{Identity: anyone})
	if own.Actor != nil || own.Client != "1" {
		t.Errorf("the holder's own session says %+v", own)
	}
	c := claimsOf(delegating{}, &auth.Session{Identity: anyone, Attrs: "back end"})
	if c.Actor == nil || *c.Actor != (actor{"11", "77", "back end"}) || c.Client != "77" || c.Subject != "1" {
		t.Errorf("says %+v by %+v", c, c.Actor)
	}
}

// scoped is a dialect whose sessions are for a scope.
type scoped struct{ dialect.Dialect }

func (scoped) Scope(attrs string) string { return attrs }

// The scope of a session goes on to the API (RFC 9068, section 2.2.3), and where
// there is none nothing is said of it.
func TestAssertionOfAScope(t *testing.T) {
	for _, c := range []struct {
		by           dialect.Dialect
		attrs, claim string
	}{{scoped{}, "read write", `"scope":"read write"`}, {scoped{}, "", ""}, {delegating{}, "read", ""}} {
		text, err := json.Marshal(claimsOf(c.by, &auth.Session{Identity: anyone, Attrs: c.attrs}))
		must(t, err)
		if said := string(text); !strings.Contains(said, c.claim) || c.claim == "" && strings.Contains(said, "scope") {
			t.Errorf("%T, %q: says %s", c.by, c.attrs, said)
		}
	}
}

// A renamed user is called by the new name at once, on a session as it was.
func TestAssertionAfterARename(t *testing.T) {
	k := assertingKit(t)
	r := func() string {
		r := httptest.NewRequest(http.MethodGet, "https://both.example/x", nil)
		r.Header.Set("Authorization", "Bearer "+k.calamp)
		r.Header.Set("calamp-services-app", app)
		_, reached, _ := k.call(r)
		if reached == nil {
			t.Fatal("refused")
		}
		claims, err := verify(reached.Header.Get(AssertionHeader), k.published(t), k.service.Now())
		must(t, err)
		return claims["username"].(string)
	}
	if got := r(); got != "demo" {
		t.Fatalf("called %q", got)
	}
	must(t, k.service.Update(t.Context(), func(tx auth.Tx) error {
		tenant, err := tx.AccountByCode(0, "ACME")
		if err != nil {
			return err
		}
		u, err := tx.UserByName(tenant.ID, "demo")
		if err != nil {
			return err
		}
		u.Name = "dora"
		return tx.PutUser(&u)
	}))
	if got := r(); got != "dora" {
		t.Errorf("after the change still called %q", got)
	}
}

// Without an issuer nothing is signed, without an audience nothing is sent.
func TestNoAssertionUnlessAskedFor(t *testing.T) {
	for name, a := range map[string]Assertions{"neither": {}, "no audience": {Issuer: issuer}, "no issuer": {Audience: audience}} {
		k := newKit(t)
		o := k.o
		o.Assertions = a
		k.Gate = New(o)
		if token := k.asserted(t); token != "" {
			t.Errorf("%s: sends %s", name, token)
		}
	}
}

// However many sessions there are, what is kept of them is bounded; and those that
// come at once sign once.
func TestAssertionsAreBounded(t *testing.T) {
	k := assertingKit(t)
	a := k.assertions
	for i := range auth.SessionID(3 * maxAssertions) {
		a.entry(assertionKey{session: i}, k.service.Now()).signed.Store(&signed{end: k.service.Now().Add(time.Hour).UnixNano()})
	}
	kept := func() (n int) {
		for i := range a.shards {
			n += len(a.shards[i].kept)
		}
		return n
	}
	if n := kept(); n > maxAssertions || n < maxAssertions/2 {
		t.Errorf("%d are kept", n)
	}
	for i := range auth.SessionID(maxAssertions) {
		a.entry(assertionKey{session: 1<<40 + i}, k.service.Now().Add(2*time.Hour))
	}
	if n := kept(); n > maxAssertions*5/4 {
		t.Errorf("%d are kept after their end", n)
	}
	var wait sync.WaitGroup
	tokens := make([]string, 16)
	for i := range tokens {
		wait.Go(func() {
			h := http.Header{}
			_ = k.assert(h, &decision{session: auth.Session{ID: 9, Identity: &auth.Identity{}}}, audience)
			_ = k.assert(h, &decision{session: *sessionOf(anyone)}, audience)
			tokens[i] = h.Get(AssertionHeader)
		})
	}
	wait.Wait()
	for _, token := range tokens {
		if token != tokens[0] || token == "" {
			t.Fatal("calls at the same time were told different things")
		}
	}
}

var anyone = &auth.Identity{Principal: 1, Subject: "s", AccountRef: "1", PathRefs: []string{"A", "1"}}

func sessionOf(who *auth.Identity) *auth.Session { return &auth.Session{ID: 1, Identity: who} }

func TestAssertionAllocatesNothing(t *testing.T) {
	k := assertingKit(t)
	d := &decision{session: *sessionOf(anyone)}
	h := http.Header{}
	must(t, k.assert(h, d, audience))
	if n := testing.AllocsPerRun(100, func() { _ = k.assert(h, d, audience) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAssertionKept(b *testing.B) {
	k := assertingKit(b)
	d := &decision{session: *sessionOf(anyone)}
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		if err := k.assert(h, d, audience); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAssertionSigned(b *testing.B) {
	k := assertingKit(b)
	s := sessionOf(anyone)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.assertions.sign(nil, s, audience, k.service.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestKeysAreForHTTPSAndReading(t *testing.T) {
	k := assertingKit(t)
	for name, c := range map[string]struct {
		method, url string
		want        int
	}{
		"plain HTTP": {"GET", "http://login.example" + KeysPath, 403},
		"a POST":     {"POST", "https://login.example" + KeysPath, 405},
		"a HEAD":     {"HEAD", "https://login.example" + KeysPath, 200},
	} {
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(""))
		r.RemoteAddr = clientAddr
		w := httptest.NewRecorder()
		k.Keys(w, r)
		if w.Code != c.want {
			t.Errorf("%s is answered %d", name, w.Code)
		}
	}
}
