package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// PrincipalID names whoever can log in: an API key or a user. Keys and users
// draw their ids from one sequence, so that an id alone is enough to tell who.
type PrincipalID int64

// Key is an API key: a secret of an account, for programs. The secret itself is
// never kept; Digest is its HMAC-SHA-256 under the pepper that Pepper names.
type Key struct {
	ID       PrincipalID
	Account  AccountID
	Name     string // unique in the account; the subject of its sessions
	Digest   secret.Digest
	Pepper   uint32         // id of the key-set key that made Digest
	Policy   string         // name of a policy; "": the mount's
	Networks []netip.Prefix // where it may log in from; empty: anywhere
	Expires  time.Time      // zero: never
	Disabled bool
	Created  time.Time
	LastUsed time.Time // flushed in the background

	Role       Role // what it may do beside logging in
	Everywhere bool // its role reaches the whole server; false: its account and those below
}

// MaxNetworks bounds the allow list of one key.
const MaxNetworks = 64

// Validate says what is wrong with the key on its own.
func (k *Key) Validate() error {
	if k.Account == 0 {
		return fmt.Errorf("%w: an API key belongs to an account", ErrInvalid)
	}
	if k.Name == "" {
		return fmt.Errorf("%w: an API key needs a name", ErrInvalid)
	}
	if len(k.Networks) > MaxNetworks {
		return fmt.Errorf("%w: %d allowed networks, at most %d", ErrInvalid, len(k.Networks), MaxNetworks)
	}
	if err := validatePower(k.Role, k.Everywhere); err != nil {
		return err
	}
	return checkText("key name", k.Name, MaxName)
}

// Why a key that is right is refused all the same. The client must not see a
// difference; whoever it phones must.
var (
	errKeyDisabled     = errors.New("the API key is disabled")
	errKeyExpired      = errors.New("the API key has expired")
	errKeyNetwork      = errors.New("the API key may not be used from this address")
	errNoRole          = errors.New("it has no role that may ask for this")
	errInactive        = errors.New("the user is not active")
	errReach           = errors.New("out of the caller's reach")
	errRole            = errors.New("it has a role that logs in over no dialect")
	errAccountDisabled = errors.New("the account, or one above it, is disabled")
)

// usable says why the key may not log in now, from there; nil if it may.
func (k *Key) usable(now time.Time, source netip.Addr) error {
	switch {
	case k.Disabled:
		return errKeyDisabled
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return errKeyExpired
	case len(k.Networks) == 0:
		return nil
	}
	source = source.Unmap()
	for _, n := range k.Networks {
		if n.Contains(source) {
			return nil
		}
	}
	return errKeyNetwork
}
