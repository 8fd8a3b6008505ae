package auth

import (
	"errors"
	"time"
)

// Reason is why an attempt or a call was refused: the one vocabulary that every
// dialect translates into its own codes and texts.
type Reason string

// The reasons. Their names are part of the audit and never change.
const (
	// At login.
	BadCredentials Reason = "credentials" // unknown name, wrong secret, disabled key, wrong network: deliberately one
	Inactive       Reason = "inactive"    // right password of a user who is not active
	Locked         Reason = "locked"      // too many failures; RetryAfter says how long
	Throttled      Reason = "throttled"   // fair use is exceeded; RetryAfter says how long
	UnknownApp     Reason = "unknown-app" // the application key is unknown, disabled or of another tree
	MissingApp     Reason = "missing-app" // an application key is required and was not sent
	Malformed      Reason = "malformed"   // the request cannot be read: repeated, oversize, wrong charset
	Busy           Reason = "busy"        // more work waits than the server takes on; nothing was judged
	Unavailable    Reason = "unavailable" // the store failed, or this node cannot judge ([ErrOlderKeys]); nothing was changed

	// At a later call.
	NoToken      Reason = "no-token"      // the call carries no credential
	UnknownToken Reason = "unknown-token" // made up, expired, ended: deliberately one
	TwoTokens    Reason = "two-tokens"    // the call carries two different credentials
	WrongAccount Reason = "wrong-account" // the call names another account than the token's

	// At either.
	Insecure Reason = "insecure" // plain HTTP
)

// Refusal is the one typed error that dialects see. Everything else that an
// operation returns is wrapped in one with reason [Unavailable].
type Refusal struct {
	Reason     Reason
	RetryAfter time.Duration // with Locked, Throttled and Busy: when to come back, 0 unknown
	Failures   int           // with BadCredentials: failures of this name so far, this one included
	Allowed    int           // with BadCredentials: how many lock it; 0: none do
	Cause      error         // for the log, never for the client; holds no secret

	subject string  // name of the key whose secret was right all the same; for the audit
	locked  claimed // the name or address that is locked

	// who it is whose secret was right, where that is no secret: of what is refused
	// for fair use or a cap.
	who *Identity
}

// Error is for the log.
func (r *Refusal) Error() string {
	if r.Cause != nil {
		return "refused (" + string(r.Reason) + "): " + r.Cause.Error()
	}
	return "refused (" + string(r.Reason) + ")"
}

// Unwrap is the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Refuse makes a refusal for a reason.
func Refuse(reason Reason, cause error) *Refusal { return &Refusal{Reason: reason, Cause: cause} }

// RefusalOf is the refusal in err's chain; an error without one is the server's
// own trouble, [Unavailable].
func RefusalOf(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return &Refusal{Reason: Unavailable, Cause: err}
}

// Errors of the core and of stores that callers test with errors.Is.
var (
	ErrInvalid  = errors.New("invalid")                  // a noun that breaks its own rules
	ErrNotFound = errors.New("not found")                // no such row
	ErrExists   = errors.New("exists already")           // a unique name, number, code or digest is taken
	ErrConflict = errors.New("changed by somebody else") // a condition of a write set did not hold; nothing was written
	ErrBusy     = errors.New("too much work is waiting") // a bounded queue is full; nothing was written
	ErrClosed   = errors.New("closed")                   // used after Close
)
