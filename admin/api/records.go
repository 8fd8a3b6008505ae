package api

import "time"

// ByID names a record.
type ByID struct {
	ID int64 `path:"id"`
}

// Removal deletes or ends what an id names.
type Removal struct {
	ID int64 `path:"id"`
	NoteGone
}

// Account is a node of the customer tree.
type Account struct {
	ID       int64    `json:"id"`
	Parent   int64    `json:"parent,omitempty" doc:"0 for a tenant"`
	Level    string   `json:"level" enum:"tenant|organization|division"`
	Number   int64    `json:"number,omitempty" doc:"unique in the tenant; 0: none"`
	Code     string   `json:"code,omitempty" doc:"unique in the tenant, and among tenants"`
	Name     string   `json:"name,omitempty" doc:"for people"`
	Disabled bool     `json:"disabled" doc:"it, or the account above, which is in effect for all below"`
	Path     []string `json:"path" doc:"numbers, else codes, from the tenant down to it"`
}

// AccountQuery says which accounts are listed.
type AccountQuery struct {
	Page
	Within int64  `query:"within" doc:"this account and those below it; 0: all in reach"`
	Parent *int64 `query:"parent" doc:"only those right below this account; 0: tenants"`
	Number int64  `query:"number" doc:"only those of this number"`
	Code   string `query:"code" doc:"only those of this code"`
}

// NewAccount is an account to add.
type NewAccount struct {
	Parent int64  `json:"parent,omitempty" doc:"account above it; 0: a tenant"`
	Number int64  `json:"number,omitempty"`
	Code   string `json:"code,omitempty" doc:"a tenant needs one, others a number or a code"`
	Name   string `json:"name,omitempty"`
	Note
}

// AccountChange changes an account.
type AccountChange struct {
	ID       int64   `path:"id"`
	Number   *int64  `json:"number,omitempty"`
	Code     *string `json:"code,omitempty"`
	Name     *string `json:"name,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
	Note
}

// MemberQuery says whose keys or apps are listed.
type MemberQuery struct {
	Page
	Account int64 `query:"account" doc:"of this account and those below it; 0: all in reach"`
	Direct  bool  `query:"direct" doc:"not of those below the account"`
}

// Power is what a key or user may do beside logging in.
type Power struct {
	Role       string `json:"role,omitempty" enum:"|delegate|verifier|auditor|operator|owner" doc:"only an owner gives, changes or removes one"`
	Everywhere bool   `json:"everywhere,omitempty" doc:"the role reaches the whole server, not only the account and those below it"`
}

// Key is an API key.
type Key struct {
	ID       int64      `json:"id"`
	Account  int64      `json:"account"`
	Name     string     `json:"name" doc:"unique in the account"`
	Policy   string     `json:"policy,omitempty" doc:"how long its sessions live; empty: as the mount says"`
	Networks []string   `json:"networks,omitempty" doc:"where it may log in from; empty: anywhere"`
	Expires  *time.Time `json:"expires,omitempty"`
	Disabled bool       `json:"disabled" doc:"it does not log in"`
	Created  time.Time  `json:"created"`
	LastUsed *time.Time `json:"last_used,omitempty" doc:"of the last login, about a minute late"`
	Power
}

// KeyWithSecret is a key that was just made.
type KeyWithSecret struct {
	Key
	Secret string `json:"secret" doc:"shown this once"`
	Old    *Key   `json:"old,omitempty" doc:"of a rotation: the key that it replaces"`
}

// NewKey is a key to make.
type NewKey struct {
	Account  int64      `json:"account"`
	Name     string     `json:"name"`
	Policy   string     `json:"policy,omitempty"`
	Networks []string   `json:"networks,omitempty"`
	Expires  *time.Time `json:"expires,omitempty" doc:"a time to come; if not stated it never ends"`
	Power
	Note
}

// KeyRotation replaces a key.
type KeyRotation struct {
	ID      int64      `path:"id"`
	Name    string     `json:"name,omitempty" doc:"of the new key; if not stated the old one's with a number behind it"`
	Overlap *Span      `json:"overlap,omitempty" doc:"how long both live, at most 90d; 7d if not stated, 0s ends the old one at once"`
	Expires *time.Time `json:"expires,omitempty" doc:"of the new key, a time to come; if not stated it lives as long as the old one was made for"`
	Note
}

// KeyChange changes a key.
type KeyChange struct {
	ID         int64      `path:"id"`
	Policy     *string    `json:"policy,omitempty"`
	Networks   *[]string  `json:"networks,omitempty"`
	Expires    *time.Time `json:"expires,omitempty" doc:"a time to come: to end it now, disable it"`
	NeverEnds  bool       `json:"never_ends,omitempty" doc:"true takes away the end"`
	Disabled   *bool      `json:"disabled,omitempty"`
	Role       *string    `json:"role,omitempty"`
	Everywhere *bool      `json:"everywhere,omitempty"`
	Note
}

// User is a person or robot with a login name and a password.
type User struct {
	ID           int64      `json:"id"`
	Tenant       int64      `json:"tenant"`
	Account      int64      `json:"account"`
	Name         string     `json:"name" doc:"login name, unique in the tenant"`
	HasPassword  bool       `json:"has_password"`
	SecondFactor bool       `json:"second_factor"`
	Active       bool       `json:"active" doc:"who is not does not log in"`
	Admin        bool       `json:"admin" doc:"as dialects tell it; no power here"`
	Group        string     `json:"group,omitempty" doc:"passed on by dialects that have such"`
	Rights       int64      `json:"rights,omitempty" doc:"passed on by dialects that have such"`
	FullName     string     `json:"full_name,omitempty" doc:"for people"`
	DisplayName  string     `json:"display_name,omitempty" doc:"for people, as dialects tell it"`
	Email        string     `json:"email,omitempty" doc:"address, as dialects tell it"`
	Policy       string     `json:"policy,omitempty" doc:"how long the sessions live; empty: as the mount says"`
	LastSignIn   *time.Time `json:"last_sign_in,omitempty"`
	Power
}

// UserQuery says which users are listed.
type UserQuery struct {
	MemberQuery
	Name string `query:"name" doc:"only those of this login name"`
}

// NewUser is a user to add.
type NewUser struct {
	Account     int64  `json:"account"`
	Name        string `json:"name"`
	Password    string `json:"password,omitempty" doc:"without one the user cannot log in"`
	Inactive    bool   `json:"inactive,omitempty" doc:"cannot log in yet"`
	Admin       bool   `json:"admin,omitempty"`
	Group       string `json:"group,omitempty"`
	Rights      int64  `json:"rights,omitempty"`
	FullName    string `json:"full_name,omitempty"`
	DisplayName string `json:"display_name,omitempty"`
	Email       string `json:"email,omitempty"`
	Policy      string `json:"policy,omitempty"`
	Power
	Note
}

// UserChange changes a user.
type UserChange struct {
	ID           int64   `path:"id"`
	Active       *bool   `json:"active,omitempty"`
	Admin        *bool   `json:"admin,omitempty"`
	Group        *string `json:"group,omitempty"`
	Rights       *int64  `json:"rights,omitempty"`
	FullName     *string `json:"full_name,omitempty"`
	DisplayName  *string `json:"display_name,omitempty"`
	Email        *string `json:"email,omitempty"`
	Policy       *string `json:"policy,omitempty"`
	Role         *string `json:"role,omitempty"`
	Everywhere   *bool   `json:"everywhere,omitempty"`
	RemoveFactor bool    `json:"remove_factor,omitempty" doc:"true removes the second factor"`
	Note
}

// NewPassword sets a password.
type NewPassword struct {
	ID       int64  `path:"id"`
	Password string `json:"password"`
	Note
}

// App is a client program.
type App struct {
	Key      string `json:"key" doc:"as clients send it"`
	Account  int64  `json:"account" doc:"in whose tree it may be used"`
	Name     string `json:"name,omitempty" doc:"for people"`
	Disabled bool   `json:"disabled" doc:"nothing logs in with it"`
}

// NewApp is an app to add.
type NewApp struct {
	Key     string `json:"key"`
	Account int64  `json:"account"`
	Name    string `json:"name,omitempty"`
	Note
}

// AppChange changes an app.
type AppChange struct {
	Key      string  `path:"key"`
	Name     *string `json:"name,omitempty"`
	Disabled *bool   `json:"disabled,omitempty"`
	Note
}

// AppRemoval deletes an app.
type AppRemoval struct {
	Key string `path:"key"`
	NoteGone
}

// Life is how long the sessions of a policy live.
type Life struct {
	Span        Span `json:"span,omitempty" doc:"from the login on; with idle the absolute cap"`
	Idle        Span `json:"idle,omitempty" doc:"ends when unused for so long"`
	Uses        int  `json:"uses,omitempty" doc:"calls it is good for"`
	ExpireOnNew bool `json:"expire_on_new,omitempty" doc:"a new login of the same key or user ends it"`
	Never       bool `json:"never,omitempty" doc:"does not end by time"`
}

// Policy is a named life.
type Policy struct {
	Name string `json:"name"`
	Life
}

// NewPolicy is a policy to add.
type NewPolicy struct {
	Policy
	Note
}

// PolicyChange changes a policy.
type PolicyChange struct {
	Name        string `path:"name"`
	Span        *Span  `json:"span,omitempty"`
	Idle        *Span  `json:"idle,omitempty"`
	Uses        *int   `json:"uses,omitempty"`
	ExpireOnNew *bool  `json:"expire_on_new,omitempty"`
	Never       *bool  `json:"never,omitempty"`
	Note
}

// PolicyRemoval deletes a policy.
type PolicyRemoval struct {
	Name string `path:"name"`
	NoteGone
}
