package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

// A proof is made by whoever has a key of the set, under a key of this use alone.
func TestProof(t *testing.T) {
	k := goldenKeys(t)
	h := hmac.New(sha256.New, goldenSubkey(t, "proof"))
	h.Write([]byte("text"))
	if got, want := k.Proof([]byte("text")), Digest(h.Sum(nil)); got != want {
		t.Errorf("Proof is %x, want %x", got, want)
	}
	rotated := rotate(t, k)
	for what, c := range map[string]struct {
		by, of *Keys
		text   string
		want   bool
	}{
		"its own":                      {k, k, "text", true},
		"of the set before a rotation": {rotated, k, "text", true},
		"of a newer set":               {k, rotated, "text", false},
		"of another set":               {k, newTestKeys(t), "text", false},
		"of another text":              {k, k, "texT", false},
	} {
		if got := c.by.Proves([]byte(c.text), c.of.Proof([]byte("text"))); got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}
