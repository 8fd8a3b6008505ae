package dialect

import "github.com/sallyport/sallyport/auth"

// Definition describes a dialect: what the server, the demo, the documentation
// and the tests need to know of it before it is configured.
type Definition struct {
	Name  string // short and lower-case; sessions and metrics carry it
	Title string // for people

	// What the vendor documents, or the choice where it documents nothing. A
	// mount's configuration may say otherwise.
	Policy    auth.Policy
	Names     auth.Limits
	Addresses auth.Limits
	Rate      auth.Rate
	FairUse   auth.FairUse

	// Nameless says that a login claims no name, only a secret: Names are limits by
	// address.
	Nameless bool

	Risks  []Risk
	Recipe Recipe

	// New configures the dialect for one mount.
	New func(Config) (Dialect, error)
}

// Mount makes the mount that the definition describes, with the vendor's own
// policy and limits.
func (d *Definition) Mount(name, tenant string) *auth.Mount {
	return &auth.Mount{
		Name: name, Dialect: d.Name, Tenant: tenant,
		Policy: d.Policy, Names: d.Names, Addresses: d.Addresses, Rate: d.Rate, FairUse: d.FairUse,
	}
}

// Config is what a dialect is made from.
type Config struct {
	Service *auth.Service

	// Router is where the dialect will be mounted, among others. It is complete when
	// the first request comes, not when New is called. nil: the dialect is alone.
	Router *Router

	// Mount is the dialect's own. New may set its AppAtLogin, AppOnCalls, BindApp
	// and LockBlocksTokens; nothing changes it once New has returned.
	Mount *auth.Mount

	// Options decodes the mount's options into a struct with yaml tags, strictly:
	// an unknown field is an error. Fields that are not set keep their value. nil:
	// there are none.
	Options func(into any) error
}

// Decode calls Options if there are any.
func (c *Config) Decode(into any) error {
	if c.Options == nil {
		return nil
	}
	return c.Options(into)
}

// Risk is a rule of good practice that the dialect breaks by itself, because its
// clients cannot be changed, and what Sallyport does about it.
type Risk struct {
	What   string // what the dialect does
	Clause string // which rule says otherwise
	Answer string // what is done about it here
}

// Recipe is a login and a checked call as shell commands. {base} stands for
// scheme and host, {number}, {code}, {user}, {secret} and {app} for the credentials of an
// account or user, {token} for the token that the login answered. A call without
// {token} logs in for itself; one with {member} is made for another user of the account.
type Recipe struct {
	Login, Call string
	Robot       string // how names of users begin that programs log in with; "": as any
}
