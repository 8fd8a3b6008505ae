package auth

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// Origin is where a request came from, for the audit and the guard.
type Origin struct {
	Source  netip.Addr // the client's address, behind trusted proxies the one they name
	Request string     // request id, as in the log

	// Advice is where a login leaves what the client should hear beside its answer.
	// nil: nobody passes it on.
	Advice *Advice
}

// Advice is for a client that may go on but should change its ways: it has used up
// its budget of logins.
type Advice struct {
	Budget int           // logins an hour while an earlier session lives
	Until  time.Duration // the counted hour ends; 0: there is no advice
}

// Scheme is what the credential of an attempt is made of.
type Scheme uint8

// The schemes.
const (
	AccountKey Scheme = iota + 1 // Number, or else Code, names the account, Secret is one of its API keys
	BareKey                      // Secret is an API key and names its account by itself
	Password                     // User names a user, Secret is the password
)

// Attempt is one try to log in, as a dialect read it. A field that the client
// did not send, or that cannot be read as what it should be, stays zero: the
// core judges it like a wrong one and counts it by address.
type Attempt struct {
	Mount  *Mount
	Scheme Scheme
	Number int64
	Code   string
	User   string
	Secret string
	Factor string // code of the second factor, where the user has one
	App    string // application key; "": none sent
	Form   secret.Form
	Attrs  string // kept with the session, opaque to the core
	Origin Origin

	actor string // who acts, where it is not the one that the attempt names; for the audit
}

// Grant is a session that was just begun, with its token. The token exists
// nowhere else.
type Grant struct {
	Session    Session
	Token      string
	LastSignIn time.Time // of a user, before this one; zero: never
}

// Bearer is a credential that a later call carries.
type Bearer struct {
	Mount *Mount
	Form  secret.Form
	Value string

	// Carried is what the call carries, where Value was taken out of it; "":
	// Value itself. What two dialects find in one call is one credential if this
	// is the same.
	Carried string

	Number int64  // account number the call names beside the token; 0: none. Must be the session's
	Code   string // account code the call names beside the token; "": none. Must be the session's account or one below it
	App    string // application key the call carries; "": none

	// As names the user that the call is made for, of the caller's tenant. It is
	// set by a dialect whose clients may act for others and for nobody else. "":
	// the caller itself.
	As string

	// Attrs are those that the session must have been opened with, where a
	// dialect has several kinds of sessions; "": any.
	Attrs string
}
