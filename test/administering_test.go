package test

import (
	"os"
	"strings"
	"testing"
)

// What the page for administrators shows is done, from its top to its end.
func TestAdministering(t *testing.T) {
	t.Setenv("PATH", binDir+string(os.PathListSeparator)+os.Getenv("PATH"))
	r := newReader(t)
	admin, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	r.places = append(r.places, "127.0.0.1:8081", admin)
	r.place = strings.NewReplacer(r.places...)
	done := map[string]int{}
	for _, b := range blocks(t, "docs/administering.md") {
		r.do(b)
		done[b.kind]++
	}
	if done["run"] < 9 || done["start"] != 1 {
		t.Errorf("the page lost some of what was tested: %v", done)
	}
}
