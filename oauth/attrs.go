package oauth

import (
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

var (
	_ dialect.Delegating = (*oauth)(nil)
	_ dialect.Scoping    = (*oauth)(nil)
)

// attrs are what only this dialect knows of a session, kept with it.
type attrs struct {
	scope string
	actor actor // who got the session by token exchange; zero: its owner did
}

// actor is a back end as it was when it got the session.
type actor struct {
	principal auth.PrincipalID
	account   auth.AccountID
	client    string // reference of the account
	name      string // of the key
}

// String is the form in which they are kept, a field a line: names hold no control
// characters. With the longest of all it is shorter than auth.MaxAttrs.
func (a attrs) String() string {
	if a.actor == (actor{}) {
		return a.scope
	}
	return strings.Join([]string{a.scope, strconv.FormatInt(int64(a.actor.principal), 10),
		strconv.FormatInt(int64(a.actor.account), 10), a.actor.client, a.actor.name}, "\n")
}

// parseAttrs is the inverse of String. What is cut short names no actor.
func parseAttrs(kept string) (a attrs) {
	scope, rest, found := strings.Cut(kept, "\n")
	a.scope = scope
	if !found {
		return a
	}
	field := strings.SplitN(rest, "\n", 4)
	if len(field) != 4 {
		return a
	}
	principal, err1 := strconv.ParseInt(field[0], 10, 64)
	account, err2 := strconv.ParseInt(field[1], 10, 64)
	if err1 != nil || err2 != nil {
		return a
	}
	a.actor = actor{auth.PrincipalID(principal), auth.AccountID(account), field[2], field[3]}
	return a
}

// Scope is what a session is good for.
func (o *oauth) Scope(text string) string { return parseAttrs(text).scope }

// Acting says who acts with a session that was got by token exchange.
func (o *oauth) Acting(text string) (dialect.Acting, bool) {
	a := parseAttrs(text).actor
	return dialect.Acting{Principal: a.principal, Client: a.client, Name: a.name}, a != (actor{})
}
