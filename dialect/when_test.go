package dialect_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// TestWhen: an endpoint that shares its path with later calls takes what is its
// own and leaves the rest to the gate.
func TestWhen(t *testing.T) {
	r := newRouter(nil)
	m, d := newElecta(t, "electa")
	mustMount(t, r, nil, "", m, withRoutes{d, func(m dialect.Mux) {
		m.Handle("/one.php", func(http.ResponseWriter, *http.Request, auth.Origin) {}, dialect.FoldCase,
			dialect.When(func(r *http.Request) bool { return r.URL.Query().Get("c") == "auth" }))
	}})
	for target, want := range map[string]bool{"/one.php?c=auth": true, "/ONE.php?c=auth": true, "/one.php?c=set": false, "/one.php": false, "/two.php?c=auth": false} {
		if got := reaches(r, "x", target); got != want {
			t.Errorf("%s reaches the login: %v", target, got)
		}
	}
	if list := r.Covering("x", httptest.NewRequest(http.MethodGet, "/one.php?c=set", nil).URL.Path); len(list) != 1 {
		t.Errorf("%d mounts cover what is left", len(list))
	}
}
