package gate

import (
	"crypto"
	"encoding/base64"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sallyport/sallyport/secret"
)

// kidOf is the name of the key that an assertion was signed with.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.EdDSA})
	must(t, err)
	return parsed.Headers[0].KeyID
}

func TestKeysAreNamedByTheirThumbprint(t *testing.T) {
	k := assertingKit(t)
	set := k.published(t)
	if len(set.Keys) != 3 {
		t.Fatalf("%d keys are published", len(set.Keys))
	}
	for _, key := range set.Keys {
		sum, err := key.Thumbprint(crypto.SHA256)
		must(t, err)
		if want := base64.RawURLEncoding.EncodeToString(sum); key.KeyID != want || key.Use != "sig" || key.Algorithm != "EdDSA" {
			t.Errorf("published %s for %s, %s, want %s", key.KeyID, key.Use, key.Algorithm, want)
		}
	}
}

// Over many periods: a verifier that fetched the keys as long ago as it may keep
// them knows the one that signs, and one that fetches them now still knows the one
// that signed what it was just sent.
func TestKeysOverlapFromPeriodToPeriod(t *testing.T) {
	k := assertingKit(t)
	kept, used := k.published(t), map[string]bool{}
	step := 13 * time.Hour
	for range 52 {
		k.late.Add(int64(step))
		token := k.tokenFor(t)
		used[kidOf(t, token)] = true
		if _, err := verify(token, kept, k.service.Now()); err != nil {
			t.Fatalf("a verifier's copy, %s old, does not know the key: %v", step, err)
		}
		kept = k.published(t)
		if _, err := verify(token, kept, k.service.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if len(used) < 4 || len(used) > 6 {
		t.Errorf("%d keys signed in four weeks", len(used))
	}

	// At the very turn.
	now := k.service.Now()
	turn := now.Truncate(signingPeriod).Add(signingPeriod)
	for !periodTurns(turn) {
		turn = turn.Add(time.Hour)
	}
	k.late.Add(int64(turn.Sub(now) - time.Minute/2))
	before := k.tokenFor(t)
	kept = k.published(t)
	k.late.Add(int64(45 * time.Second))
	after := k.tokenFor(t)
	if kidOf(t, before) == kidOf(t, after) {
		t.Error("the key did not change at the turn")
	}
	for _, token := range []string{before, after} {
		for _, keys := range []jose.JSONWebKeySet{kept, k.published(t)} {
			if _, err := verify(token, keys, k.service.Now()); err != nil {
				t.Errorf("at the turn: %v", err)
			}
		}
	}
}

func periodTurns(at time.Time) bool { return periodAt(at) != periodAt(at.Add(-time.Second)) }

// tokenFor is an assertion about someone, without the check before it.
func (k *kit) tokenFor(t *testing.T) string {
	t.Helper()
	signed, err := k.assertions.sign(nil, sessionOf(anyone), audience, k.service.Now())
	must(t, err)
	return signed.header[0]
}

// A rotated key set is published at once and signs once every verifier's copy is
// younger than it; what the old one signed stays good.
func TestKeysOverlapWhenTheKeySetIsRotated(t *testing.T) {
	k := assertingKit(t)
	before, then := k.tokenFor(t), k.service.Now()
	stale := k.published(t)
	keys := k.service.Keys()
	rotated, err := keys.Rotate()
	must(t, err)
	k.service.SetKeys(rotated)
	published := k.published(t)
	if len(published.Keys) != 6 {
		t.Errorf("%d keys are published", len(published.Keys))
	}
	for turned := time.Duration(0); turned < keysMaxAge; turned += time.Minute {
		if _, err := verify(k.tokenFor(t), stale, k.service.Now()); err != nil {
			t.Fatalf("%s after the rotation, who fetched the keys before it is sent what it cannot verify: %v", turned, err)
		}
		k.late.Add(int64(time.Minute))
	}
	k.late.Add(int64(signingSettles - keysMaxAge))
	after := k.tokenFor(t)
	if kidOf(t, after) == kidOf(t, before) {
		t.Error("the new key set does not sign")
	}
	if _, err := verify(after, published, k.service.Now()); err != nil {
		t.Error(err)
	}
	if _, err := verify(before, k.published(t), then); err != nil {
		t.Errorf("what the old key set signed: %v", err)
	}
}

// A server that starts soon after the rotation waits as well; one that starts long
// after does not; and none waits for a file of the future.
func TestKeysOverlapAcrossARestart(t *testing.T) {
	k := assertingKit(t)
	old, err := secret.GenerateKeys()
	must(t, err)
	rotated, err := old.Rotate()
	must(t, err)
	k.service.SetKeys(rotated)
	now := k.service.Now()
	signs := func(since time.Time, at time.Time) (key int) {
		s := signer{keys: func() keySet { return rotated }, since: since}
		_, err := s.at(now)
		must(t, err)
		ring, err := s.at(at)
		must(t, err)
		jws, err := ring.jws.Sign([]byte("x"))
		must(t, err)
		for i := range 2 {
			private, _ := rotated.SigningKey(i, periodAt(at))
			if _, err := jws.Verify(private.Public()); err == nil {
				return i
			}
		}
		return -1
	}
	for name, c := range map[string]struct {
		since, at time.Time
		want      int
	}{
		"long after":        {time.Time{}, now, 0},
		"soon after":        {now.Add(-time.Minute), now, 1},
		"soon after, later": {now.Add(-time.Minute), now.Add(signingSettles), 0},
		"of the future":     {now.Add(1000 * time.Hour), now.Add(signingSettles), 0},
	} {
		if got := signs(c.since, c.at); got != c.want {
			t.Errorf("%s: key %d signs, want %d", name, got, c.want)
		}
	}
}

// Nodes agree, and a restart changes nothing: the keys are nowhere but in the key set.
func TestNodesAgreeOnTheKeys(t *testing.T) {
	k := assertingKit(t)
	one, other := k.published(t), func() jose.JSONWebKeySet { k.Gate = New(k.o); return k.published(t) }()
	for i := range one.Keys {
		if one.Keys[i].KeyID != other.Keys[i].KeyID {
			t.Errorf("key %d is %s and %s", i, one.Keys[i].KeyID, other.Keys[i].KeyID)
		}
	}
}

// A key that is prepared has never signed, however new the file is: the nodes that
// do not have it yet do not publish it.
func TestPreparedKeyDoesNotSign(t *testing.T) {
	old, err := secret.GenerateKeys()
	must(t, err)
	prepared, err := old.Prepare()
	must(t, err)
	now := time.Now()
	s := signer{keys: func() keySet { return prepared }, since: now}
	ring, err := s.at(now)
	must(t, err)
	jws, err := ring.jws.Sign([]byte("x"))
	must(t, err)
	private, _ := old.SigningKey(0, periodAt(now))
	if _, err := jws.Verify(private.Public()); err != nil {
		t.Errorf("not signed by the key in use: %v", err)
	}
}
