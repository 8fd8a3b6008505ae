package domainpunch

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/dialect/dialecttest"
)

func TestEtokenLayout(t *testing.T) {
	d := served(t, "")
	at := time.Unix(1776331248, 999_999_999)
	seen := map[string]bool{}
	for range 20 {
		etoken := d.etokens.issue(session, at)
		plain, ok := d.etokens.sealer.Open(etoken)
		if !ok || !regexp.MustCompile(`^[0-9a-f]{16};`+session+`;1776331248;domainpunch$`).MatchString(plain) {
			t.Fatalf("the plain text is %q, %v", plain, ok)
		}
		if raw, err := base64.StdEncoding.DecodeString(etoken); err != nil || len(raw) != 16+64+(len(plain)/16+1)*16 {
			t.Fatalf("%q is %d bytes, %v", etoken, len(raw), err)
		}
		if got, ok := d.etokens.open(etoken, at); !ok || got != session {
			t.Fatalf("opens to %q, %v", got, ok)
		}
		seen[plain[:16]], seen[etoken] = true, true
	}
	if len(seen) != 40 {
		t.Error("a salt or a token came twice")
	}
}

// TestSealedOtherwise: even what we sealed ourselves has to have the shape.
func TestSealedOtherwise(t *testing.T) {
	d := served(t, "")
	now := time.Unix(1776331248, 0)
	for plain, want := range map[string]bool{
		"salt;session;1776331248;domainpunch":           true,
		"salt;session;1776331247;domainpunch":           true,
		"salt;session;1776331246;domainpunch":           true,
		"salt;session;1776331245;domainpunch":           false,
		"salt;session;1776331249;domainpunch":           false,
		"salt;session;1776331248;domainpunc":            false,
		"salt;session;1776331248;":                      false,
		"salt;session;1776331248":                       false,
		"salt;session;1776331248;domainpunch;":          false,
		"salt;more;session;1776331248;domainpunch":      false,
		"salt;session;;domainpunch":                     false,
		"salt;session;1776331248.0;domainpunch":         false,
		"salt;session;99999999999999999999;domainpunch": false,
		"salt;session;-9223372036854775808;domainpunch": false,
		"":    false,
		";;;": false,
	} {
		if _, ok := d.etokens.open(d.etokens.sealer.Seal(plain), now); ok != want {
			t.Errorf("%q opens: %v", plain, ok)
		}
	}
	if _, ok := d.etokens.open(d.service.Sealer("another use").Seal("salt;session;1776331248;domainpunch"), now); ok {
		t.Error("what was sealed for another use opens")
	}
}

func token32(n int) [32]byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return sha256.Sum256(b[:])
}

// TestUsedRemembersAsLongAsNeeded: no token is taken twice while it could pass, and
// what is remembered is bounded.
func TestUsedRemembersAsLongAsNeeded(t *testing.T) {
	const expiry = 3
	u := newUsed(expiry)
	const start = 1776331248
	for now := int64(start); now < start+100; now++ {
		for back := range int64(expiry + 1) { // tokens of this second and all before that still pass
			at := now - back
			if got, want := u.take(token32(int(at)), now), back == 0 || now == start; got != want {
				t.Fatalf("at %d the token of %d: %v", now, at, got)
			}
		}
		if n := len(u.young) + len(u.old); n > 2*(expiry+1)+expiry {
			t.Fatalf("%d are remembered", n)
		}
	}
	// A clock that is set back again and again forgets nothing.
	last := token32(start + 99)
	for _, now := range []int64{start + 98, start + 97, start + 98, start + 96, start + 99} {
		if u.take(last, now) {
			t.Fatalf("taken twice at %d", now)
		}
	}
}

// TestUsedAfterTheClockWasSetBack: it does not keep everything until that time
// comes again.
func TestUsedAfterTheClockWasSetBack(t *testing.T) {
	u := newUsed(2)
	u.take(token32(0), 1000)
	for now := int64(100); now < 200; now++ {
		if !u.take(token32(int(now)), now) || len(u.young)+len(u.old) > 8 {
			t.Fatalf("at %d: %d are remembered", now, len(u.young)+len(u.old))
		}
	}
}

func TestUsedIsBounded(t *testing.T) {
	u := newUsed(2)
	for i := range maxUsed {
		if !u.take(token32(i), 100) {
			t.Fatalf("the %dth is refused", i+1)
		}
	}
	if u.take(token32(maxUsed), 100) || len(u.young) != maxUsed {
		t.Error("one too many is taken")
	}
	if u.take(token32(0), 103) { // in the older generation now
		t.Error("taken twice")
	}
	if !u.take(token32(maxUsed), 103) {
		t.Error("refused although there is room again")
	}
	if !u.take(token32(0), 110) || len(u.young)+len(u.old) > 3 {
		t.Errorf("%d are remembered for ever", len(u.young)+len(u.old))
	}
}

// FuzzEtoken: only what was issued opens.
func FuzzEtoken(f *testing.F) {
	d := served(f, "")
	now := dialecttest.Start
	etoken := d.etokens.issue(session, now)
	f.Add(etoken)
	f.Add(etoken[:len(etoken)-4])
	f.Add(strings.ToLower(etoken))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if _, ok := d.etokens.open(s, now); ok && s != etoken {
			t.Errorf("%q opens", s)
		}
	})
}
