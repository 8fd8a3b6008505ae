package secret

import (
	"context"
	"testing"
)

// The hot path of a check that the cache can answer.
func BenchmarkParseDigest(b *testing.B) {
	k := newTestKeys(b)
	for _, f := range allForms {
		wire, _ := k.Mint(f, 1<<40)
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tok, ok := k.Parse(f, 0, wire)
				if d := tok.Digest(); !ok || d == (Digest{}) {
					b.Fatal("does not parse")
				}
			}
		})
	}
}

// What a cache miss costs besides.
func BenchmarkAuthentic(b *testing.B) {
	k := newTestKeys(b)
	for _, f := range []Form{FormNative, FormSeries} {
		wire, _ := k.Mint(f, 1<<40)
		tok, _ := k.Parse(f, 0, wire)
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !k.Authentic(f, 0, &tok) {
					b.Fatal("not authentic")
				}
			}
		})
		b.Run(f.String()+"-parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				t := tok
				for pb.Next() {
					if !k.Authentic(f, 0, &t) {
						b.Error("not authentic")
					}
				}
			})
		})
	}
}

func BenchmarkMint(b *testing.B) {
	k := newTestKeys(b)
	for _, f := range allForms {
		b.Run(f.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				k.Mint(f, 1<<40)
			}
		})
	}
}

func BenchmarkKeyDigest(b *testing.B) {
	k, s := newTestKeys(b), NewKeySecret()
	b.ReportAllocs()
	for b.Loop() {
		k.KeyDigest(s)
	}
}

func BenchmarkNewKeySecret(b *testing.B) {
	for b.Loop() {
		NewKeySecret()
	}
}

func BenchmarkVerify(b *testing.B) {
	h := NewHasher(1, 0)
	encoded, err := h.Hash(context.Background(), "password")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := h.Verify(context.Background(), encoded, "password"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
