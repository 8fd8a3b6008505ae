package apply

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/config/strict"
)

// Whoever adds a field documents it.
func TestExampleStatesEveryField(t *testing.T) {
	docs, err := strict.DecodeAll[document]("example.yaml", Example(), options)
	if err != nil {
		t.Fatal(err)
	}
	stated := map[string]bool{}
	mark := func(kind string, v any, m strict.Mark) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name != "" {
				stated[kind+"."+name] = stated[kind+"."+name] || m.Has(name)
			}
		}
	}
	var walk func(a *account)
	walk = func(a *account) {
		mark("account", *a, a.Mark)
		for _, k := range a.Keys {
			mark("key", k, k.Mark)
		}
		for _, p := range a.Apps {
			mark("app", p, p.Mark)
		}
		for _, u := range a.Users {
			mark("user", u, u.Mark)
		}
		for _, below := range [][]account{a.Organizations, a.Divisions} {
			for i := range below {
				walk(&below[i])
			}
		}
	}
	for _, d := range docs {
		mark("file", d, d.Mark)
		for _, p := range d.Policies {
			mark("policy", p, p.Mark)
		}
		for i := range d.Tenants {
			walk(&d.Tenants[i])
		}
	}
	if len(stated) < 30 {
		t.Fatalf("this test sees %d fields", len(stated))
	}
	for field, is := range stated {
		if !is {
			t.Errorf("example.yaml does not state %s", field)
		}
	}
}
