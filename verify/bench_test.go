package verify

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// inUse is how many of the tokens calls come with. More would measure how long it
// takes to fetch a token from memory, and a call's is in the processor already.
const inUse = 4096

// full is a verifier with n verdicts in memory, which it believes.
func full(b *testing.B, n int) (*Verifier, []string) {
	b.Helper()
	v, err := New(Options{Server: "https://x", ClientID: "a", ClientSecret: "b", CacheSessions: 4 * n})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = v.Close() })
	v.cache.restart(1)
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("sp_%042d_of_the_usual_length", i)
		c := Credential{Token: tokens[i]}
		e := &entry{key: v.seed.of(&c), session: Session{ID: uint64(i + 1), Dialect: "oauth2", Account: "123456"}, until: int64(time.Hour)}
		v.cache.put(&candidate{entry: e, session: uint64(i + 1), owner: &owner{id: uint64(i % 1000), path: []uint64{1}}, known: 1}, v.cache.mark())
	}
	v.freshUntil.Store(int64(time.Hour))
	return v, tokens
}

func BenchmarkCachedCheck(b *testing.B) {
	v, tokens := full(b, 100_000)
	ctx := context.Background()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := v.Check(ctx, tokens[i%inUse]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCachedCheckParallel(b *testing.B) {
	v, tokens := full(b, 100_000)
	ctx := context.Background()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			if _, err := v.Check(ctx, tokens[i%inUse]); err != nil {
				b.Error(err)
			}
		}
	})
}
