package secret

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
)

// goldenSealed were made under the golden key for the use "golden" by another
// program, from what is written about the layout.
var goldenSealed = map[string]string{
	"salt;session;1776331248;master": "c2l4dGVlbiBieXRlcyBpdszGosiVlfM2/87OV0w66jZqg3Q9sQPyc2jCeGmgFQpmxsR+Jiq5yxQYeyLWd7nV5k8Z9dG3AVp/QJQFojg2BZtOr/XGjE2RTozi5EC3i8ESvSSUjWVAG56mqm9OuNh9UA==",
	"":                               "c2l4dGVlbiBieXRlcyBpdlLo1EAx9CUmCt4zhiaq6m38Snj+9W3lPE58FRDp02+0XXzsQdOro5oc+mIwHTioiXiD9+ailUySuzrQOe2K9DxY6wht+eBkl0tbmMy962U1",
	"0123456789abcdef":               "c2l4dGVlbiBieXRlcyBpdr6ykvLpReL6JIvUQP7AgdSu8BKLvZ5erWxeJ3EOOabsGTDpwz/BLhe5kVrVucPQ8HlKSQpNgHWZ/pRF2fthpPYdn0cyikmg1vkgaGV/WQVrmGl2XRk/Pr3jYOqy7xs6WA==",
}

func TestGoldenSealed(t *testing.T) {
	s := goldenKeys(t).Sealer("golden")
	for plain, sealed := range goldenSealed {
		if got, ok := s.Open(sealed); !ok || got != plain {
			t.Errorf("%q opens to %q, %v", sealed, got, ok)
		}
	}
}

func TestSealedTextsComeBack(t *testing.T) {
	s := newTestKeys(t).Sealer("test")
	seen := map[string]bool{}
	for n := range 100 {
		plain := strings.Repeat("x", n)
		sealed := s.Seal(plain)
		if got, ok := s.Open(sealed); !ok || got != plain {
			t.Errorf("%d bytes open to %q, %v", n, got, ok)
		}
		if raw := 16 + 64 + (n/16+1)*16; len(sealed) != (raw+2)/3*4 {
			t.Errorf("%d bytes are sealed in %d characters", n, len(sealed))
		}
		seen[sealed], seen[s.Seal(plain)] = true, true
	}
	if len(seen) != 200 {
		t.Errorf("200 seals gave %d texts", len(seen))
	}
}

// Every byte of what is sealed counts, and every character of how it is written.
func TestTamperedSealedTexts(t *testing.T) {
	s := newTestKeys(t).Sealer("test")
	for _, n := range []int{0, 15, 30} { // with every length of base64's padding
		sealed := s.Seal(strings.Repeat("x", n))
		raw, err := base64.StdEncoding.DecodeString(sealed)
		if err != nil {
			t.Fatal(err)
		}
		for at := range raw {
			for bit := range 8 {
				b := bytes.Clone(raw)
				b[at] ^= 1 << bit
				if _, ok := s.Open(base64.StdEncoding.EncodeToString(b)); ok {
					t.Fatalf("byte %d does not count", at)
				}
			}
		}
		for at := range len(sealed) {
			for c := range 256 {
				b := []byte(sealed)
				if b[at] == byte(c) {
					continue
				}
				b[at] = byte(c)
				if _, ok := s.Open(string(b)); ok {
					t.Fatalf("%q opens for %q", b, sealed)
				}
			}
		}
		for what, b := range map[string][]byte{
			"cut short":       raw[:len(raw)-aes.BlockSize],
			"without a block": raw[:sealFixed],
			"not whole":       raw[:len(raw)-1],
			"longer":          append(bytes.Clone(raw), raw[len(raw)-aes.BlockSize:]...),
			"nothing":         nil,
			"a MAC only":      raw[:70],
		} {
			if plain, ok := s.Open(base64.StdEncoding.EncodeToString(b)); ok {
				t.Errorf("%s: opens to %q", what, plain)
			}
		}
		for _, again := range []string{
			strings.TrimRight(sealed, "=") + "\n", sealed + "\r\n\r\n", sealed[:4] + "\n\n\n\n" + sealed[4:], sealed + "====", " " + sealed, sealed + sealed,
			base64.URLEncoding.EncodeToString(raw) + "====",
		} {
			if _, ok := s.Open(again); ok {
				t.Errorf("%q is another spelling of %q", again, sealed)
			}
		}
	}
}

// What is sealed under the right keys with a wrong padding does not open, and
// nothing falls over it.
func TestWrongPadding(t *testing.T) {
	s := newTestKeys(t).Sealer("test")
	for _, last := range [][]byte{{0}, {17}, {255}, {1, 2}, {3, 2, 2, 3}} {
		block := append(bytes.Repeat([]byte{'x'}, aes.BlockSize-len(last)), last...)
		if plain, ok := unpad(slices.Clone(block)); ok {
			t.Errorf("%v: unpadded to %q", last, plain)
		}
		// The text is one block, so that its own padding is another: cut it off by
		// sealing by hand.
		k := s.list[0]
		b := make([]byte, sealFixed, sealFixed+aes.BlockSize)
		b = append(b, block...)
		encryptCBC(k, b[:aes.BlockSize], b[sealFixed:])
		k.mac(b[aes.BlockSize:aes.BlockSize], b[:aes.BlockSize], b[sealFixed:])
		if plain, ok := s.Open(base64.StdEncoding.EncodeToString(b)); ok {
			t.Errorf("%v: opens to %q", last, plain)
		}
	}
}

func encryptCBC(k *sealKeys, iv, b []byte) {
	for i := range b { // of one block
		b[i] ^= iv[i]
	}
	k.block.Encrypt(b, b)
}

func TestSealersAreApart(t *testing.T) {
	ours, theirs := newTestKeys(t), newTestKeys(t)
	sealed := ours.Sealer("one").Seal("x")
	if _, ok := ours.Sealer("two").Open(sealed); ok {
		t.Error("opens for another use")
	}
	if _, ok := theirs.Sealer("one").Open(sealed); ok {
		t.Error("opens at another server")
	}
	if _, ok := ours.Sealer("one").Open(sealed); !ok {
		t.Error("does not open for its own use")
	}
}

func TestSealedTextsSurviveRotation(t *testing.T) {
	old := newTestKeys(t)
	fresh := rotate(t, rotate(t, old))
	sealed := old.Sealer("x").Seal("text")
	if plain, ok := fresh.Sealer("x").Open(sealed); !ok || plain != "text" {
		t.Errorf("what was sealed before opens to %q, %v", plain, ok)
	}
	if _, ok := old.Sealer("x").Open(fresh.Sealer("x").Seal("text")); ok {
		t.Error("the old set opens what the new primary sealed")
	}
}

func TestSealersPrintNothing(t *testing.T) {
	s := newTestKeys(t).Sealer("test")
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", s)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "sealer", s)
	const want = "secret.Sealer(1 keys)"
	if got := strings.Count(out.String(), want); got != 7 {
		t.Errorf("printed %s", out.String())
	}
}

func TestSealingAtOnce(t *testing.T) {
	s := newTestKeys(t).Sealer("test")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				plain := strings.Repeat("x", i*7)
				if got, ok := s.Open(s.Seal(plain)); !ok || got != plain {
					t.Errorf("opens to %q, %v", got, ok)
				}
			}
		})
	}
	all.Wait()
}

// Whatever opens was sealed, and is in its one spelling.
func FuzzOpen(f *testing.F) {
	s := goldenKeys(f).Sealer("golden")
	spelled := map[string]bool{}
	for _, sealed := range goldenSealed {
		spelled[sealed] = true
		f.Add(sealed)
		f.Add(sealed[:len(sealed)-4])
		f.Add(strings.ToLower(sealed))
	}
	f.Add("")
	f.Add("====")
	f.Add(strings.Repeat("A", 128))
	f.Fuzz(func(t *testing.T, sealed string) {
		if plain, ok := s.Open(sealed); ok && !spelled[sealed] {
			t.Errorf("%q opens to %q and was not sealed", sealed, plain)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s := newTestKeys(b).Sealer("test")
	b.ReportAllocs()
	for b.Loop() {
		s.Seal("0123456789abcdef;0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567;1776331248;master")
	}
}

func BenchmarkOpen(b *testing.B) {
	s := newTestKeys(b).Sealer("test")
	sealed := s.Seal("0123456789abcdef;0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567;1776331248;master")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Open(sealed); !ok {
			b.Fatal("does not open")
		}
	}
}
