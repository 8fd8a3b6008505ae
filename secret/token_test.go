package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"strings"
	"testing"
)

var allForms = []Form{FormNative, FormGUID, FormSeries, FormHex}

var shapes = map[Form]*regexp.Regexp{
	FormNative: regexp.MustCompile(`^sp_[A-Za-z0-9_-]{59}$`),
	FormGUID:   regexp.MustCompile(`^[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}$`),
	FormSeries: regexp.MustCompile(`^[A-Za-z0-9+/]{76}$`),
	FormHex:    regexp.MustCompile(`^[0-9a-f]{88}$`), // within PHP's [A-Za-z0-9,-]{22,256}
}

// accepted is what a caller does with a token but for the store: under any key.
func accepted(k *Keys, f Form, wire string) (Token, bool) {
	for i := range k.Len() {
		if t, ok := k.Parse(f, i, wire); ok && k.Authentic(f, i, &t) {
			return t, true
		}
	}
	return Token{}, false
}

func TestTokensComeBack(t *testing.T) {
	k := newTestKeys(t)
	for _, f := range allForms {
		for _, id := range []uint64{0, 1, 255, 1 << 40, math.MaxInt64, math.MaxUint64} {
			wire, digest := k.Mint(f, id)
			if !shapes[f].MatchString(wire) {
				t.Errorf("%v: %q has the wrong shape", f, wire)
			}
			tok, ok := accepted(k, f, wire)
			if !ok || tok.ID != id || !tok.Digest().Equal(digest) {
				t.Errorf("%v: %q is %v, %v, want id %d and the digest of Mint", f, wire, tok, ok, id)
			}
		}
	}
}

// The vendor's documented cookie is of the shape that we mint, layer by layer.
func TestSeriesHasTheShapeOfTheVendorsSample(t *testing.T) {
	const sample = "SkNCMEU1SGRhY1BmQUdNaTl0b1V4USUzRCUzRDpnakdPemM2Mkw4WnJxQjRzRWs0VmRnJTNEJTNE"
	inner := regexp.MustCompile(`^[A-Za-z0-9]{22}%3D%3D:[A-Za-z0-9]{22}%3D%3D$`)
	ours, _ := newTestKeys(t).Mint(FormSeries, 42)
	for _, wire := range []string{sample, ours} {
		b, err := base64.RawStdEncoding.DecodeString(wire)
		if err != nil || len(wire) != 76 || !inner.Match(b) {
			t.Errorf("%q decodes to %q, %v", wire, b, err)
		}
	}
	// It is read, as it could be ours, and found not to be.
	k := newTestKeys(t)
	tok, ok := k.Parse(FormSeries, 0, sample)
	if !ok || k.Authentic(FormSeries, 0, &tok) {
		t.Errorf("the sample: parsed %v, want true, and not authentic", ok)
	}
}

func TestGUIDInEitherCase(t *testing.T) {
	k := newTestKeys(t)
	wire, digest := k.Mint(FormGUID, 77)
	for _, w := range []string{wire, strings.ToLower(wire), strings.ToLower(wire[:20]) + wire[20:]} {
		if tok, ok := k.Parse(FormGUID, 0, w); !ok || tok.ID != 77 || tok.Digest() != digest {
			t.Errorf("%q is %v, %v", w, tok, ok)
		}
	}
}

// Every byte of the wire form, changed to every other byte: what still parses
// is not authentic, or, for a GUID, has another digest and another id. But for the
// case of a GUID, no second spelling is accepted.
func TestTamperedTokens(t *testing.T) {
	k := newTestKeys(t)
	const id = 1 << 33
	for _, f := range allForms {
		wire, digest := k.Mint(f, id)
		for at := range len(wire) {
			for c := range 256 {
				b := []byte(wire)
				if b[at] == byte(c) || f == FormGUID && strings.EqualFold(string(b[at:at+1]), string(rune(c))) {
					continue
				}
				b[at] = byte(c)
				tok, ok := accepted(k, f, string(b))
				switch {
				case ok && f == FormGUID && tok.Digest() != digest && tok.ID != id:
				case ok:
					t.Fatalf("%v: %q was accepted for %q", f, b, wire)
				}
			}
		}
	}
}

// Every bit of the payload counts in the digest, in the MAC, or in both.
func TestEveryPayloadByteCounts(t *testing.T) {
	k := newTestKeys(t)
	for _, f := range allForms {
		wire, digest := k.Mint(f, 9)
		good, ok := k.Parse(f, 0, wire)
		if !ok {
			t.Fatal("does not parse")
		}
		for i := range forms[f].size {
			for bit := range 8 {
				tok := good
				tok.payload[i] ^= 1 << bit
				if tok.Digest() == digest {
					t.Errorf("%v: byte %d is not in the digest", f, i)
				}
				if f != FormGUID && k.Authentic(f, 0, &tok) {
					t.Errorf("%v: byte %d is not in the MAC", f, i)
				}
			}
		}
	}
}

func TestMisshapenTokens(t *testing.T) {
	k := newTestKeys(t)
	native, _ := k.Mint(FormNative, 1)
	guid, _ := k.Mint(FormGUID, 1)
	series, _ := k.Mint(FormSeries, 1)
	hexed, _ := k.Mint(FormHex, 1)
	inner, err := base64.StdEncoding.DecodeString(series)
	if err != nil {
		t.Fatal(err)
	}
	reinner := func(old, repl string) string {
		return base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(inner), old, repl, 1)))
	}
	for f, wires := range map[Form][]string{
		FormNative: {
			"", "sp_", native[3:], native + "A", native[:61], native + "=", "SP_" + native[3:], " " + native[:61],
			native[:30] + "\n" + native[31:], native[:60] + "\r\n", native[:61] + "\x00", native[:59] + "\n\n\n", native[:58] + "\r\n\r\n", "sp_" + strings.Repeat("A", 59),
			strings.Replace(native, "sp_", "sp-", 1), strings.Repeat(native, 2), "sp_" + strings.Repeat("é", 29) + "A",
		},
		FormGUID: {
			"", guid[:35], guid + "0", "{" + guid + "}", strings.ReplaceAll(guid, "-", ""), strings.ReplaceAll(guid, "-", "0"),
			"{" + guid[1:35] + "}", guid[:8] + guid[9:] + "-", strings.Repeat("-", 36), strings.Repeat("0", 36), guid[:35] + "G", guid[:35] + " ",
		},
		FormSeries: {
			"", series[:75], series[:72], series + "A", series + "====", series[:75] + "=", series[:75] + "\n", "\n" + series[:75], series[:72] + "\n\n\n\n", series[:72] + "\r\n\r\n",
			series[:40] + "-" + series[41:], reinner("%3D", "%3d"), reinner(":", ";"), reinner("%3D%3D:", ":%3D%3D"),
			reinner(string(inner[:1]), "+"), reinner(string(inner[:1]), "/"), reinner(string(inner[:1]), "\n"), reinner(string(inner[:1]), "="), reinner(string(inner[:2]), "\n\n"), reinner(string(inner[29:31]), "\r\n"),
			base64.StdEncoding.EncodeToString(append(append([]byte{}, inner[29:]...), inner[:28]...)),
		},
		FormHex: {
			"", hexed[:86], hexed[:87], hexed + "0", hexed + "00", hexed[:87] + "g", hexed[:87] + "\n", hexed[:86] + ",-", "A" + hexed[1:], hexed[:87] + "F", strings.Repeat("0", 88), strings.Repeat("\xff", 88),
		},
	} {
		for _, w := range wires {
			if tok, ok := k.Parse(f, 0, w); ok {
				t.Errorf("%v: %q parsed as %v", f, w, tok)
			}
		}
	}
	// One form is not taken for another.
	for _, f := range allForms {
		for _, w := range []string{native, guid, series, hexed} {
			if _, ok := k.Parse(f, 0, w); ok != shapes[f].MatchString(w) {
				t.Errorf("%v: parsing %q gives %v", f, w, ok)
			}
		}
	}
}

// The unused bits at the end of a base64 text must be 0, or one token had many
// spellings, each with the same digest.
func TestOneSpellingOnly(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	k := newTestKeys(t)
	wire, digest := k.Mint(FormNative, 5)
	for _, c := range alphabet {
		w := wire[:61] + string(c)
		if tok, ok := k.Parse(FormNative, 0, w); ok && w != wire && tok.Digest() == digest {
			t.Errorf("%q is another spelling of %q", w, wire)
		}
	}
	series, digest := k.Mint(FormSeries, 5)
	inner, err := base64.StdEncoding.DecodeString(series)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{21, 50} { // the last characters before the padding
		for _, c := range alphabet[:62] {
			b := bytes.Clone(inner)
			b[at] = byte(c)
			w := base64.StdEncoding.EncodeToString(b)
			if tok, ok := k.Parse(FormSeries, 0, w); ok && w != series && tok.Digest() == digest {
				t.Errorf("%q is another spelling of %q", w, series)
			}
		}
	}
}

func TestTokensSurviveRotation(t *testing.T) {
	old := newTestKeys(t)
	k := rotate(t, rotate(t, old))
	for _, f := range allForms {
		wire, digest := old.Mint(f, 123)
		var tok Token
		found := -1
		for i := range k.Len() {
			var ok bool
			if tok, ok = k.Parse(f, i, wire); ok && k.Authentic(f, i, &tok) && tok.ID == 123 {
				found = i
				break
			}
		}
		if found != 2 || tok.Digest() != digest {
			t.Errorf("%v: found under key %d, want 2, or the digest differs", f, found)
		}
		fresh, _ := k.Mint(f, 123)
		if tok, ok := accepted(old, f, fresh); ok && tok.ID == 123 {
			t.Errorf("%v: the old set accepts a token of the new primary", f)
		}
	}
}

func TestTokensOfAnotherServer(t *testing.T) {
	ours, theirs := newTestKeys(t), newTestKeys(t)
	for _, f := range allForms {
		wire, _ := theirs.Mint(f, 1)
		if tok, ok := accepted(ours, f, wire); ok && (f != FormGUID || tok.ID == 1) {
			t.Errorf("%v: accepted", f)
		}
	}
}

func TestOutOfRange(t *testing.T) {
	k := newTestKeys(t)
	const unknown = Form(9)
	if wire, d := k.Mint(unknown, 1); wire != "" || d != (Digest{}) {
		t.Errorf("Mint of an unknown form: %q", wire)
	}
	for _, f := range append(allForms, unknown) {
		wire, _ := k.Mint(f, 1)
		for _, i := range []int{-1, 1, math.MaxInt} {
			if _, ok := k.Parse(f, i, wire); ok {
				t.Errorf("%v: parsed under key %d of 1", f, i)
			}
			tok, _ := k.Parse(f, 0, wire)
			if k.Authentic(f, i, &tok) {
				t.Errorf("%v: authentic under key %d of 1", f, i)
			}
		}
	}
	if _, ok := k.Parse(unknown, 0, ""); ok {
		t.Error("parsed a token of an unknown form")
	}
	// Not even a GUID is authentic as something else.
	for _, minted := range allForms {
		wire, _ := k.Mint(minted, 1)
		tok, _ := k.Parse(minted, 0, wire)
		for _, f := range append(allForms, unknown) {
			if got := k.Authentic(f, 0, &tok); got != (f == minted) {
				t.Errorf("a %v token as %v: authentic is %v", minted, f, got)
			}
		}
	}
	var zero Token
	for _, f := range allForms {
		if k.Authentic(f, 0, &zero) {
			t.Errorf("%v: the zero token is authentic", f)
		}
	}
}

func TestMintedTokensAreUnique(t *testing.T) {
	const n = 100_000
	k := newTestKeys(t)
	for _, f := range allForms {
		wires, digests := make(map[string]bool, n), make(map[Digest]bool, n)
		for range n {
			wire, d := k.Mint(f, 1) // the same session: the verifier alone differs
			if len(wire) != map[Form]int{FormNative: 62, FormGUID: 36, FormSeries: 76, FormHex: 88}[f] {
				t.Fatalf("%v: %q has %d characters", f, wire, len(wire))
			}
			wires[wire], digests[d] = true, true
		}
		if len(wires) != n || len(digests) != n {
			t.Errorf("%v: %d tokens and %d digests of %d are different", f, len(wires), len(digests), n)
		}
	}
}

// goldenTokens were built under the golden key by another program, from what is
// written about the forms and with the standard library alone. Tokens in the field
// and stored digests outlive this program: it has to go on reading them.
var goldenTokens = []struct {
	form         Form
	wire, digest string
}{
	{FormNative, "sp_SZYC0gECAwQFBgcIdmVyaWZpZXItb2YtMTYtYgsZ-aOtG_OLw1YFEj32mfU", "23891cb551bf2cc9e4dd7292183a1f17edbaad8044d27237a6124189dc5339b5"},
	{FormGUID, "3FD284D7-62BA-2584-35F8-A29914407771", "2a82aed38fbe78a2af0bcd6cfcc78cfdc8ef7a6d90ccaf277c145483ba450e94"},
	{FormHex, "499602d2010203040506070876657269666965722d6f662d31362d62b12c815e7054e07c9d4eb526bc234a8d", "fe2a42ba76e7e3d38d8287485c498e972e6722ce25b8481141ebba43afc59b7e"},
	{FormSeries, "elIwWjBrNkozVjFWNG1PbGYyTTZNUSUzRCUzRDpkRzlyWlc0dGIyWXRNVFl0TURBd01BJTNEJTNE", "56b01cd8745e586a61662065e2de97c881496bbf62ff6305380935dc228961ba"},
}

func TestGoldenTokens(t *testing.T) {
	k := goldenKeys(t)
	for _, g := range goldenTokens {
		tok, ok := accepted(k, g.form, g.wire)
		if !ok || tok.ID != 0x0102030405060708 || fmt.Sprintf("%x", tok.Digest()) != g.digest {
			t.Errorf("%v: %v, %v, digest %x", g.form, tok, ok, tok.Digest())
		}
	}
}

func TestTokensDoNotPrintTheirVerifier(t *testing.T) {
	k := newTestKeys(t)
	for _, f := range allForms {
		wire, _ := k.Mint(f, 4711)
		tok, _ := k.Parse(f, 0, wire)
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			fmt.Fprintf(&out, verb+verb+verb+"\n", tok, &tok, struct{ T Token }{tok})
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "token", tok, "pointer", &tok)
		b, err := json.Marshal(tok)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		p := tok.payload[:forms[f].size]
		for _, s := range []string{
			fmt.Sprintf("%x", p[12:16]), strings.Trim(fmt.Sprint(p[12:16]), "[]"), string(p[12:16]),
			base64.StdEncoding.EncodeToString(p[12:15]),
		} {
			if strings.Contains(out.String(), s) {
				t.Errorf("%v: the verifier is in %s", f, out.String())
			}
		}
		if !strings.Contains(out.String(), "secret.Token(4711)") {
			t.Errorf("%v: the id is not in %s", f, out.String())
		}
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	if raceDetector {
		t.Skip("a sync.Pool drops items at random under the race detector")
	}
	k := rotate(t, newTestKeys(t))
	for _, f := range allForms {
		wire, digest := k.Mint(f, 1)
		bad := wire[:len(wire)-2] + "!!"
		zero(t, f.String()+": Parse and Digest", func() {
			tok, ok := k.Parse(f, 0, wire)
			if !ok || !tok.Digest().Equal(digest) {
				t.Error("does not come back")
			}
		})
		zero(t, f.String()+": Parse under another key", func() { k.Parse(f, 1, wire) })
		zero(t, f.String()+": Parse of what is no token", func() { k.Parse(f, 0, bad) })
		zero(t, f.String()+": Authentic", func() {
			tok, _ := k.Parse(f, 0, wire)
			if !k.Authentic(f, 0, &tok) {
				t.Error("not authentic")
			}
		})
	}
	secret := NewKeySecret()
	zero(t, "KeyDigest", func() { k.KeyDigest(secret) })
}

func zero(t *testing.T, what string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(1000, f); n != 0 {
		t.Errorf("%s allocates %v times", what, n)
	}
}
