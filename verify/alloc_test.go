//go:build !race

package verify

import "testing"

// A cached check allocates nothing.
func TestCheckAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	v := w.verify().follow()
	for _, dialect := range []string{"electa", "sbt", "calamp"} {
		c := Credential{Token: w.login(dialect).Token}
		v.want(c, nil, false)
		n := testing.AllocsPerRun(500, func() {
			if _, err := v.Check(t.Context(), c.Token); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a check", dialect, n)
		}
	}
}
