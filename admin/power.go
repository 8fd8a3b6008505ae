package admin

import (
	"fmt"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// mayTouch says whether the caller may make, change or remove a key or user that has
// a role, by what the role is before or after. Somebody who could set an owner's
// password would be an owner.
func (c *call) mayTouch(role auth.Role, everywhere bool) error {
	switch {
	case role == auth.Client:
		return nil
	case c.by.Role != auth.Owner:
		return fmt.Errorf("%w: only an owner can give a role, or touch whoever has one", ErrForbidden)
	case everywhere && !c.by.Everywhere:
		return fmt.Errorf("%w: only an owner everywhere can give a role everywhere, or touch whoever has one", ErrForbidden)
	}
	return nil
}

func power(p api.Power) (auth.Role, bool) { return auth.Role(p.Role), p.Everywhere }

func wirePower(r auth.Role, everywhere bool) api.Power {
	return api.Power{Role: string(r), Everywhere: everywhere}
}

// policy checks that a policy exists.
func checkPolicy(v auth.Reader, name string) error {
	if name == "" {
		return nil
	}
	if _, err := v.Policy(name); err != nil {
		return invalid("policy", "%q does not exist", name)
	}
	return nil
}
