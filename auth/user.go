package auth

import (
	"fmt"
	"time"
)

// User is a person or robot with a login name and a password.
type User struct {
	ID          PrincipalID
	Tenant      AccountID
	Account     AccountID // where in the tree the user stands; the tenant itself at the top
	Name        string    // login name, unique in the tenant, compared exactly
	NameSince   time.Time // when the user got the name, see Put; zero: before that was noted
	Password    string    // PHC string or another form that secret.CheckHash accepts; "": cannot log in
	Active      bool
	Admin       bool
	Group       string
	Rights      int64 // opaque to Sallyport
	FullName    string
	DisplayName string
	Email       string
	Policy      string    // name of a policy; "": the mount's
	LastSignIn  time.Time // of the login before the current one is written; zero: never
	Role        Role      // what the user may do beside logging in
	Factor      string    // second factor of a console sign-in, see Service.SealFactor; "": none
	FactorStep  int64     // of the newest code that was used
	Everywhere  bool      // the role reaches the whole server; false: the user's account and those below
}

// Put writes the user, and notes since when it bears its name, as [Account.Put] does.
func (u *User) Put(tx Tx, at time.Time) error {
	var was User
	if u.ID != 0 {
		var err error
		if was, err = tx.User(u.ID); err != nil {
			return err
		}
	}
	u.NameSince = namedSince(u.Name, was.Name, was.NameSince, at)
	return tx.PutUser(u)
}

// Validate says what is wrong with the user on its own.
func (u *User) Validate() error {
	if u.Tenant == 0 || u.Account == 0 {
		return fmt.Errorf("%w: a user belongs to an account of a tenant", ErrInvalid)
	}
	if u.Name == "" {
		return fmt.Errorf("%w: a user needs a login name", ErrInvalid)
	}
	if err := validatePower(u.Role, u.Everywhere); err != nil {
		return err
	}
	for _, f := range [...]struct{ what, text string }{
		{"user name", u.Name}, {"group", u.Group}, {"full name", u.FullName},
		{"display name", u.DisplayName}, {"e-mail address", u.Email},
	} {
		if err := checkText(f.what, f.text, MaxName); err != nil {
			return err
		}
	}
	return nil
}
