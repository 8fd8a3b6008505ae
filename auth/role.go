package auth

import "fmt"

// Role is what a key or user may do beside, or instead of, logging in over a
// dialect. Its names are stored and part of the customers' file.
type Role string

// The roles. Whoever has one that is not for clients logs in over no dialect: a
// key that opens the administration should not travel where old clients send
// theirs.
const (
	Client   Role = ""         // logs in over a dialect, and that is all
	Delegate Role = "delegate" // a client that may also begin sessions of users in its reach
	Verifier Role = "verifier" // asks whose session a token opens, and follows what ended
	Auditor  Role = "auditor"  // reads everything in its reach
	Operator Role = "operator" // and changes it
	Owner    Role = "owner"    // and says who has which role
)

// Roles are all of them, the least powerful first.
func Roles() []Role { return []Role{Client, Delegate, Verifier, Auditor, Operator, Owner} }

// LogsIn says whether whoever has the role is a client of the API.
func (r Role) LogsIn() bool { return r == Client || r == Delegate }

func (r Role) validate() error {
	for _, known := range Roles() {
		if r == known {
			return nil
		}
	}
	return fmt.Errorf("%w: there is no role %q: the roles are delegate, verifier, auditor, operator and owner", ErrInvalid, r)
}

// validatePower refuses a reach without a role: it would come to life with the
// next change.
func validatePower(r Role, everywhere bool) error {
	if err := r.validate(); err != nil {
		return err
	}
	if r == Client && everywhere {
		return fmt.Errorf("%w: everywhere belongs to a role, and none is stated", ErrInvalid)
	}
	return nil
}
