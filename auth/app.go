package auth

import "fmt"

// App is a client program, named by an application key that is an identity and
// not a secret. It may be used in the tree below its account.
type App struct {
	Key      string // as clients send it, unique
	Account  AccountID
	Name     string
	Disabled bool
}

// Validate says what is wrong with the app on its own.
func (a *App) Validate() error {
	if a.Account == 0 {
		return fmt.Errorf("%w: an app belongs to an account", ErrInvalid)
	}
	if a.Key == "" {
		return fmt.Errorf("%w: an app needs an application key", ErrInvalid)
	}
	if err := checkText("application key", a.Key, MaxCode); err != nil {
		return err
	}
	return checkText("app name", a.Name, MaxName)
}
