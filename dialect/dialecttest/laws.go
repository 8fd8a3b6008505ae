package dialecttest

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Credential is a name and its secret.
type Credential struct{ Name, Secret string }

// Client is what the laws need to know of a dialect: how its clients write
// requests, as raw bytes with CRLF, and where they find the token.
type Client struct {
	Good  Credential // logs in
	Other Credential // of another account or user; logs in

	// Equals are refused, and nobody may see why: an unknown name, a disabled
	// one, and the like.
	Equals []Credential

	Login func(Credential) string
	Token func(Reply) string                      // "" when refused
	Call  func(token string, c Credential) string // any later call

	// Nameless says that a login claims no name, only a secret: failures count
	// by address. Names in Credentials are for messages then.
	Nameless bool

	// FaultStatus is a status of 500 and above with which the protocol has a server
	// tell of a client's own fault, as SOAP 1.1, 6.2, does. 0: none.
	FaultStatus int

	// Bad are logins with the right credential that cannot be read: repeated,
	// oversize, badly encoded. The key says what is wrong.
	Bad map[string]string
}

// law is one test that every dialect has to pass.
type law struct {
	name  string
	check func(*bench)
}

// bench is a law while it is checked.
type bench struct {
	*testing.T
	*Server
	Client
	setup Setup
}

// Laws checks what holds for every dialect. The mount must lock by name (or, see
// Client.Nameless, by address), and its
// policy must end sessions by a fixed span: Setup.Adjust can see to it.
func Laws(t *testing.T, setup Setup, c Client) {
	t.Helper()
	if setup.Definition.Nameless != c.Nameless {
		t.Errorf("the definition says that logins are nameless: %v, and the client: %v", setup.Definition.Nameless, c.Nameless)
	}
	locks := lockLaws
	if c.Nameless {
		locks = namelessLaws
	}
	for _, group := range [][]law{loginLaws, wireLaws, locks, lifeLaws, endLaws, apartLaws, secretLaws, inputLaws, troubleLaws} {
		for _, l := range group {
			t.Run(strings.ReplaceAll(l.name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				l.check(&bench{T: t, Server: Serve(t, setup), Client: c, setup: setup})
			})
		}
	}
}

// altered makes the law go on at a new server whose mount is another one.
func (b *bench) altered(alter func(*auth.Mount)) {
	b.Helper()
	b.Server = Serve(b.T, b.setup.adjusted(alter))
}

// login sends a login and returns the token, "" when refused.
func (b *bench) login(c Credential) string {
	b.Helper()
	return b.Token(b.Send(b.Login(c)))
}

// mustLogin is for logins that have to succeed.
func (b *bench) mustLogin(c Credential) string {
	b.Helper()
	reply := b.Send(b.Login(c))
	token := b.Token(reply)
	if token == "" {
		b.Fatalf("the login of %s was refused (%s):\n%s", c.Name, b.outcome(), reply.Raw)
	}
	return token
}

// opens says whether a later call with the token passes.
func (b *bench) opens(token string, c Credential) bool {
	b.Helper()
	b.Send(b.Call(token, c))
	return b.outcome() == "ok"
}

// outcome is what the log says of the last request.
func (b *bench) outcome() string {
	b.Helper()
	_, lines := b.Log()
	if len(lines) == 0 {
		b.Fatal("nothing was logged")
	}
	return lines[len(lines)-1].Outcome
}

// expect wants the last request to have ended so.
func (b *bench) expect(outcome auth.Reason) {
	b.Helper()
	if got := b.outcome(); got != string(outcome) {
		b.Fatalf("the outcome is %q and not %q", got, outcome)
	}
}

func (b *bench) wrong(c Credential) Credential {
	return Credential{c.Name, c.Secret[:len(c.Secret)-1] + "~"}
}

// fail sends n wrong secrets for a name.
func (b *bench) fail(c Credential, n int) {
	b.Helper()
	for range n {
		if b.login(b.wrong(c)) != "" {
			b.Fatal("a wrong secret logs in")
		}
	}
}

// tick is the smallest step of the core's times.
const tick = time.Microsecond
