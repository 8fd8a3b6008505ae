package secret

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

// The keys are derived as their documentation says, for ever: another seed would
// make what nodes of two versions sign unknown to each other.
func TestSigningKeyIsDerivedAsDocumented(t *testing.T) {
	k := goldenKeys(t)
	for _, period := range []uint64{0, 1, 2939, 1<<64 - 1} {
		h := hmac.New(sha256.New, goldenSubkey(t, "assertion-ed25519"))
		h.Write(binary.BigEndian.AppendUint64(nil, period))
		want := ed25519.NewKeyFromSeed(h.Sum(nil))
		got, id := k.SigningKey(0, period)
		if !bytes.Equal(got, want) || id != goldenID {
			t.Errorf("period %d: another key, of %d", period, id)
		}
	}
}

// No two periods and no two keys of a set share a key; a rotated set still has
// the ones it had.
func TestSigningKeysAreAllDifferent(t *testing.T) {
	old := newTestKeys(t)
	k := rotate(t, old)
	seen := map[string]bool{}
	for i := range k.Len() {
		for period := range uint64(10) {
			key, _ := k.SigningKey(i, period)
			if seen[string(key)] {
				t.Fatalf("key %d of period %d came before", i, period)
			}
			seen[string(key)] = true
		}
	}
	before, id := old.SigningKey(0, 7)
	after, same := k.SigningKey(1, 7)
	if !bytes.Equal(before, after) || id != same {
		t.Error("rotation changed what an older key gives")
	}
}
