package secret

import (
	"regexp"
	"testing"
)

func TestKeySecrets(t *testing.T) {
	const n = 20_000
	shape := regexp.MustCompile(`^([A-Z]{2}[0-9]{2}){8}$`)
	seen := make(map[string]bool, n)
	var count [256]int
	for range n {
		s := NewKeySecret()
		if !shape.MatchString(s) {
			t.Fatalf("%q has the wrong shape", s)
		}
		seen[s] = true
		for _, c := range []byte(s) {
			count[c]++
		}
	}
	if len(seen) != n {
		t.Errorf("%d of %d are different", len(seen), n)
	}
	// Each letter is expected n*16/26 times, each digit n*16/10, give or take 7
	// standard deviations, which chance does not reach once in 10^10 runs. A
	// modulo without rejection would be off by 10 % for letters, 4 % for digits.
	for set, size := range map[string]int{"ABCDEFGHIJKLMNOPQRSTUVWXYZ": 26, "0123456789": 10} {
		want := float64(n*16) / float64(size)
		for _, c := range []byte(set) {
			if d := float64(count[c]) - want; d*d > 49*want {
				t.Errorf("%q occurs %d times, expected about %.0f", c, count[c], want)
			}
		}
	}
}
