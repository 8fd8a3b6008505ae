package oauth

import (
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// The gate learns who acts with a session that was exchanged, and of no other.
func TestActing(t *testing.T) {
	o := newDialect(t)
	exchanged := attrs{scope: "api", actor: actor{9, 20, "77", "back end"}}.String()
	if who, acts := o.Acting(exchanged); !acts || who != (dialect.Acting{Principal: 9, Client: "77", Name: "back end"}) {
		t.Errorf("says %+v, %v", who, acts)
	}
	for _, kept := range []string{"", "api", exchanged[:6]} {
		if who, acts := o.Acting(kept); acts {
			t.Errorf("%q says %+v", kept, who)
		}
	}
}

// The gate learns the scope of a session, exchanged or not.
func TestScope(t *testing.T) {
	o := newDialect(t)
	for _, a := range []attrs{{}, {scope: "api"}, {scope: "read write", actor: actor{9, 20, "77", "back end"}}} {
		if got := o.Scope(a.String()); got != a.scope {
			t.Errorf("of %+v it says %q", a, got)
		}
	}
}

// Introspection is counted as what it answered.
func TestVerdict(t *testing.T) {
	for want, c := range map[auth.Reason]struct {
		good bool
		err  error
	}{
		"":                {true, nil},
		auth.UnknownToken: {false, nil}, // out of the verifier's reach
		auth.WrongAccount: {false, auth.Refuse(auth.WrongAccount, nil)},
		auth.Unavailable:  {false, auth.ErrClosed},
	} {
		if got := verdict(c.good, c.err); got != want {
			t.Errorf("%v, %v: counted as %q, want %q", c.good, c.err, got, want)
		}
	}
}

func TestIntrospectionIsCounted(t *testing.T) {
	s := serve(t, "", nil)
	token := s.login("ACME-WEST", "west-secret")
	s.active(west, token, "")
	s.active(west, token, "")
	s.active(west, s.login("demo-client", "demo-secret"), "") // out of reach
	s.active(west, "made up", "")
	got := s.Service().Stats().Verdicts[auth.Introspection]
	if got[""] != 2 || got[auth.UnknownToken] != 2 {
		t.Errorf("counted %v", got)
	}
}
