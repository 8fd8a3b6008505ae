package domainpunch

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

// TestBadEtokensAreCheap: nobody counts bad etokens, as none of them leads to the
// store or is remembered. The store of this core is broken: whatever asked it
// would be refused as trouble.
func TestBadEtokensAreCheap(t *testing.T) {
	s := dialecttest.Serve(t, setup(""))
	made, err := New(dialect.Config{Service: s.Service(), Mount: s.Mount(), Options: func(into any) error {
		into.(*Options).EtokenOnce = true
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	d := made.(*domainpunch)
	used, expired := d.etokens.issue(session, d.service.Now()), d.etokens.issue(session, d.service.Now().Add(-time.Hour))
	elsewhere := d.etokens
	elsewhere.server = "another"
	if _, ok := d.etokens.open(used, d.service.Now()); !ok {
		t.Fatal("a good etoken does not open")
	}
	s.FailStore()
	s.Advance(time.Second) // good still, were it not for its use
	for name, token := range map[string]string{
		"made up":           strings.Repeat("AbC+", 80),
		"as long as can be": strings.Repeat("AbC+", (maxBearer-len("Bearer "))/4),
		"changed":           used[:40] + "AAAA" + used[44:],
		"expired":           expired,
		"used":              used,
		"of the future":     d.etokens.issue(session, d.service.Now().Add(time.Hour)),
		"another server's":  elsewhere.issue(session, d.service.Now()),
		"no etoken":         "sp_" + strings.Repeat("x", 60),
		"not even base64":   strings.Repeat("?", 200),
	} {
		r := httptest.NewRequest(http.MethodGet, "/api-sl.php?c=set", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		check := func() error {
			b, err := d.Token(r)
			if err == nil {
				_, err = d.service.Check(t.Context(), &b)
			}
			return err
		}
		if err := check(); auth.RefusalOf(err).Reason != auth.UnknownToken {
			t.Errorf("%s: %v", name, err)
		}
		if n := testing.AllocsPerRun(100, func() { _ = check() }); n > 12 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if n := len(d.etokens.used.young) + len(d.etokens.used.old); n != 1 {
		t.Errorf("%d etokens are remembered, one was used", n)
	}
}

// BenchmarkBadEtoken is what it costs to refuse an etoken.
func BenchmarkBadEtoken(b *testing.B) {
	d := served(b, "")
	for name, token := range map[string]string{
		"made up": strings.Repeat("AbC+", 60),
		"longest": strings.Repeat("AbC+", (maxBearer-len("Bearer "))/4),
		"expired": d.etokens.issue(session, d.service.Now().Add(-time.Hour)),
	} {
		b.Run(name, func(b *testing.B) {
			lines := []string{"Bearer " + token}
			b.ReportAllocs()
			for b.Loop() {
				if found, err := d.fromHeader(lines); err != nil || found.Value != "" {
					b.Fatal("it opens")
				}
			}
		})
	}
}

// TestAnyMethod: a later call may have any method, as PHP reads the query with all
// of them; c=auth with another than GET and POST is a login still, and 405.
func TestAnyMethod(t *testing.T) {
	d := served(t, "")
	for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "BREW"} {
		r := httptest.NewRequest(method, "/api.php?c=set", nil)
		r.Header.Set("Cookie", "PHPSESSID="+session)
		if b, err := d.Token(r); err != nil || b.Value != session {
			t.Errorf("%s: %q, %v", method, b.Value, err)
		}
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if _, err := d.Token(r); auth.RefusalOf(err).Reason != auth.Malformed {
			t.Errorf("%s from another site: %v", method, err)
		}
		r = httptest.NewRequest(method, "/api.php?c=auth&user=demo&pass=password", nil)
		w := httptest.NewRecorder()
		if !isAuth(r) {
			t.Errorf("%s: no login", method)
		} else if d.auth(w, r, auth.Origin{}); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: a login is answered %d", method, w.Code)
		}
	}
}
