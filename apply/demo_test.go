package apply_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/apply"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// The demo promises these credentials on its first page.
func TestDemo(t *testing.T) {
	w := newWorld(t)
	if out, _ := w.apply(string(apply.Demo())); len(out.Generated) != 0 {
		t.Errorf("the demo has secrets that nobody knows: %d", len(out.Generated))
	}
	for _, c := range []struct{ secret, tenant, account, policy string }{
		{"UO86CN11XY73SF72TT40PG18ZE76VV71", "ELECTA", "123456", ""},
		{"AB12CD34EF56GH78IJ90KL12MN34OP56", "ELECTA", "11267192", ""},
		{"demo-sbt-expire-on-new", "ACME", "ACME", "expire-on-new"},
		{"demo-sbt-never", "ACME", "ACME", "never"},
		{"demo-sbt-1-day", "ACME", "ACME", "1-day"},
		{"demo-sbt-1-week", "ACME", "ACME-WEST", "1-week"},
		{"demo-sbt-1-year", "ACME", "ACME-WEST-1", "1-year"},
		{"demo-sbt-10-years", "ACME", "ACME-WEST-2", "10-years"},
		{"demo-secret", "demo-client", "demo-client", ""},
		{"demo-verifier-secret", "demo-verifier", "demo-verifier", ""},
	} {
		k := w.keyOf(c.secret)
		w.view(func(r auth.Reader) error {
			a, err := r.Account(k.Account)
			if err != nil {
				return err
			}
			tenant, err := r.Account(a.Tenant)
			if a.Ref() != c.account || tenant.Code != c.tenant || k.Policy != c.policy || k.Disabled {
				t.Errorf("key %s is of %s in %s with policy %q", c.secret, a.Ref(), tenant.Code, k.Policy)
			}
			return err
		})
	}
	for _, c := range []struct {
		tenant, name, password string
		active, admin          bool
	}{
		{"EDUBRITE", "api_11111111-2222-3333-4444-555555555555", "Abc-_0*|123456789012", true, false},
		{"EDUBRITE", "charles", "", true, false},
		{"EDUBRITE", "admin", "", true, true},
		{"EDUBRITE", "dora", "", false, false},
		{"CALAMP", "demo@calamp.example", "demo-password", true, false},
		{"DOMAINPUNCH", "setup-admin", "demo-password", true, false},
		{"DOMAINPUNCH", "viewer", "demo-password", true, false},
		{"DOMAINPUNCH", "gone", "demo-password", false, false},
		{"SALLYPORT", "admin", "demo-admin-password", true, true},
	} {
		var u auth.User
		w.view(func(r auth.Reader) error {
			tenant, err := r.AccountByCode(0, c.tenant)
			if err == nil {
				u, err = r.UserByName(tenant.ID, c.name)
			}
			return err
		})
		ok := c.password == "" && u.Password == ""
		if c.password != "" {
			ok, _, _ = secret.NewHasher(1, 1).Verify(t.Context(), u.Password, c.password)
		}
		if !ok || u.Active != c.active || u.Admin != c.admin {
			t.Errorf("user %s of %s: password right %v, active %v, admin %v", c.name, c.tenant, ok, u.Active, u.Admin)
		}
	}
	if u := w.userOf("setup-admin"); u.ID != 3 || u.Rights != 1009 || u.DisplayName != "Setup Admin @ Example Inc" {
		t.Errorf("setup-admin is %+v", u)
	}
	w.view(func(r auth.Reader) error {
		a, err := r.App("c0ffee00-0000-4000-8000-000000000001")
		if a.Disabled || a.Account == 0 {
			t.Errorf("app %+v", a)
		}
		return err
	})
}

// The comments of the example are no substitute for what happens.
func TestExample(t *testing.T) {
	w := newWorld(t)
	out, text := w.apply(string(apply.Example()))
	if len(out.Generated) != 3 || out.Generated[0].Account+"/"+out.Generated[0].Key != "ACME/generated" || out.Generated[2].Account != "ACME/123456" {
		t.Errorf("generated %v", out.Generated)
	}
	if !strings.Contains(text, "+ key ACME/main\n") || !strings.HasSuffix(text, "= 2 unchanged\n") {
		t.Errorf("plan is\n%s", text)
	}
	if k := w.keyOf("7Yq2-bring-your-own-Xw9K"); len(k.Networks) != 2 || k.Expires.Year() != 2037 {
		t.Errorf("key %+v", k)
	}
}
