package secret

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

// goldenKeyset was written by Save once. It protects nothing: it is here so that
// a change in what is derived from a stored key set, which would silently make
// every stored digest and token worthless, does not go unseen.
const (
	goldenKeyset   = `{"primaryKeyId":1234567890,"key":[{"keyData":{"typeUrl":"type.googleapis.com/google.crypto.tink.HkdfPrfKey","value":"EgIIAxogAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","keyMaterialType":"SYMMETRIC"},"status":"ENABLED","keyId":1234567890,"outputPrefixType":"RAW"}]}`
	goldenMaterial = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
	goldenID       = 1234567890
)

func goldenKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := decodeKeys([]byte(goldenKeyset))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newTestKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rotate(t testing.TB, k *Keys) *Keys {
	t.Helper()
	r, err := k.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// goldenSubkey derives as the package comment and RFC 5869 say, without Tink.
func goldenSubkey(t testing.TB, label string) []byte {
	t.Helper()
	b, err := hkdf.Key(sha256.New, []byte(goldenMaterial), nil, "sallyport/v1/"+label, 32)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestKeyDigestIsHMACUnderTheDerivedPepper(t *testing.T) {
	k := goldenKeys(t)
	if k.Pepper() != goldenID {
		t.Errorf("Pepper() = %d, want %d", k.Pepper(), goldenID)
	}
	for _, secret := range []string{"", "x", strings.Repeat("long", 100), "UO86CN11XY73SF72TT40PG18ZE76VV71"} {
		h := hmac.New(sha256.New, goldenSubkey(t, "api-key-pepper"))
		h.Write([]byte(secret))
		want := Digest(h.Sum(nil))
		if got := k.KeyDigest(secret); got != want {
			t.Errorf("KeyDigest(%q) = %x, want %x", secret, got, want)
		}
	}
}

func TestSubkeysDiffer(t *testing.T) {
	s := newTestKeys(t).list[0]
	seen := map[[16]byte]string{}
	for name, d := range map[string]Digest{
		"pepper": sum(s.pepper, ""), "native": sum(s.native, ""), "series MAC": sum(s.seriesMAC, ""),
		"hex": sum(s.hex, ""), "seal": Digest(s.seal), "signing": sum(s.signing, ""), "proof": sum(s.proof, ""),
	} {
		seen[[16]byte(d[:])] += name
	}
	seen[encrypt(s.guid, [16]byte{})] += "guid"
	seen[encrypt(s.series, [16]byte{})] += "series"
	if len(seen) != 9 {
		t.Errorf("some subkeys are the same: %v", seen)
	}
}

func TestRotationKeepsOldDigests(t *testing.T) {
	k1 := newTestKeys(t)
	d1, p1 := k1.KeyDigest("secret"), k1.Pepper()
	k2 := rotate(t, k1)
	k3 := rotate(t, k2)

	if k1.Len() != 1 || k1.Pepper() != p1 || k2.Len() != 2 {
		t.Error("Rotate changed the set it was called on")
	}
	if k3.Len() != 3 || k3.Pepper() == p1 || k3.Pepper() == k2.Pepper() {
		t.Fatalf("after two rotations: %d keys, primary %d", k3.Len(), k3.Pepper())
	}
	if k3.KeyDigest("secret").Equal(d1) {
		t.Error("the fresh primary gives the old digest")
	}
	if d, ok := k3.KeyDigestUnder(p1, "secret"); !ok || !d.Equal(d1) {
		t.Error("the old pepper no longer gives its digest")
	}
	if _, ok := k1.KeyDigestUnder(k3.Pepper(), "secret"); ok {
		t.Error("a key that is not in the set gave a digest")
	}
	// Newest first: what was made lately is found first.
	for i, want := range []uint32{k3.Pepper(), k2.Pepper(), p1} {
		d, id := k3.KeyDigestAt(i, "secret")
		under, ok := k3.KeyDigestUnder(want, "secret")
		if id != want || !ok || !d.Equal(under) {
			t.Errorf("key %d has id %d, want %d, or another digest", i, id, want)
		}
	}
}

func TestRotationIsBounded(t *testing.T) {
	k := newTestKeys(t)
	for k.Len() < maxKeys {
		k = rotate(t, k)
	}
	if _, err := k.Rotate(); !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("rotating %d keys: %v, want ErrTooManyKeys", k.Len(), err)
	}
}

func TestDisabledKeysAreNotUsedButKept(t *testing.T) {
	k1 := newTestKeys(t)
	k2 := rotate(t, k1)
	m := keyset.NewManagerFromHandle(k2.handle)
	if err := m.Disable(k1.Pepper()); err != nil {
		t.Fatal(err)
	}
	h, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	k, err := newKeys(h)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := k.KeyDigestUnder(k1.Pepper(), "secret"); ok || k.Len() != 1 {
		t.Error("a disabled key is in use")
	}
	if r := rotate(t, k); r.handle.Len() != 3 || r.Len() != 2 {
		t.Errorf("after a rotation %d keys are kept and %d in use, want 3 and 2", r.handle.Len(), r.Len())
	}
}

func TestKeysOfTheWrongKind(t *testing.T) {
	// AES-CMAC as a PRF gives 16 bytes, too few for a subkey.
	h, err := keyset.NewHandle(prf.AESCMACPRFKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if k, err := newKeys(h); err == nil {
		t.Errorf("accepted: %v", k)
	}
	// HMAC-SHA-256 gives 32.
	if h, err = keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()); err != nil {
		t.Fatal(err)
	}
	if _, err := newKeys(h); err != nil {
		t.Error(err)
	}
}

func TestKeysArePrintedAsAPlaceholder(t *testing.T) {
	k := goldenKeys(t)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&out, verb+"\n", k)
		fmt.Fprintf(&out, verb+"\n", *k)
		fmt.Fprintf(&out, verb+"\n", struct{ hidden *Keys }{k})
		fmt.Fprintf(&out, verb+"\n", struct{ Shown *Keys }{k})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "keys", k, "value", *k)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "keys", k, "value", *k)
	// Every verb three times, a field that is not exported being an address, and the logs.
	if n := strings.Count(out.String(), "secret.Keys(1 keys)"); n != 7*3+4 {
		t.Errorf("the placeholder is printed %d times in\n%s", n, out.String())
	}
	leaks := [][]byte{[]byte(goldenMaterial), []byte("AAECAwQF")}
	for _, label := range []string{"api-key-pepper", "token-native-mac", "token-guid-aes", "token-series-aes", "token-series-mac"} {
		leaks = append(leaks, goldenSubkey(t, label))
	}
	for _, l := range leaks {
		for _, spelled := range []string{
			string(l), fmt.Sprintf("%x", l[:8]), fmt.Sprintf("%X", l[:8]),
			strings.Trim(fmt.Sprint(l[:8]), "[]"), strings.TrimSuffix(fmt.Sprintf("%#v", l[:8]), "}")[7:],
			base64.RawStdEncoding.EncodeToString(l)[:8],
		} {
			if strings.Contains(out.String(), spelled) {
				t.Errorf("%q was printed in\n%s", spelled, out.String())
			}
		}
	}
}

func TestKeysInParallel(t *testing.T) {
	k := rotate(t, newTestKeys(t))
	want := k.KeyDigest("secret")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for id := range uint64(300) {
				for f := range Form(len(forms)) {
					wire, d := k.Mint(f, id)
					tok, ok := k.Parse(f, 0, wire)
					if !ok || tok.ID != id || tok.Digest() != d || !k.Authentic(f, 0, &tok) {
						t.Errorf("%v token %d does not come back", f, id)
						return
					}
				}
				if k.KeyDigest("secret") != want {
					t.Error("a digest differs")
					return
				}
			}
		})
	}
	wg.Wait()
}

// The golden key set is what Tink reads and writes.
func TestGoldenKeysetIsTinks(t *testing.T) {
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(goldenKeys(t).handle, keyset.NewJSONWriter(&out)); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(out.String(), " ", ""); !strings.Contains(got, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8") {
		t.Error("it does not come back")
	}
}

// A prepared key is known and makes nothing, in memory and through the file, until
// a rotation puts that very key to use.
func TestPreparedKeyWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	old := rotate(t, newTestKeys(t))
	prepared, err := old.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	if err := prepared.SaveNew(path); err != nil {
		t.Fatal(err)
	}
	if prepared, err = LoadKeys(path); err != nil {
		t.Fatal(err)
	}
	_, waiting := prepared.KeyDigestAt(1, "")
	_, first := prepared.KeyDigestAt(2, "")
	if prepared.Len() != 3 || prepared.Prepared() != 1 || prepared.Pepper() != old.Pepper() || old.Prepared() != 0 {
		t.Fatalf("%d keys, %d prepared", prepared.Len(), prepared.Prepared())
	}
	if prepared.Older(waiting) || prepared.Older(prepared.Pepper()) || !prepared.Older(first) || old.Older(waiting) {
		t.Error("another key than the first is called older")
	}
	if again, err := prepared.Prepare(); err != nil || again != prepared {
		t.Errorf("prepared twice: %v, %v", again, err)
	}
	rotated := rotate(t, prepared)
	if rotated.Pepper() != waiting || rotated.Len() != 3 || rotated.Prepared() != 0 || !rotated.Older(old.Pepper()) {
		t.Fatalf("rotated to %d of %d keys, %d prepared", rotated.Pepper(), rotated.Len(), rotated.Prepared())
	}
	// Those that wait know what those make that went first, and the other way round.
	for _, node := range [][2]*Keys{{prepared, rotated}, {rotated, prepared}} {
		for _, form := range []Form{FormNative, FormGUID, FormSeries, FormHex} {
			token, want := node[0].Mint(form, 7)
			known := false
			for i := range node[1].Len() {
				got, ok := node[1].Parse(form, i, token)
				known = known || ok && node[1].Authentic(form, i, &got) && got.Digest().Equal(want)
			}
			if !known {
				t.Errorf("form %v: a token of one step is unknown in the other", form)
			}
		}
	}
	if err := rotated.Save(path); err != nil {
		t.Error(err)
	}
}
