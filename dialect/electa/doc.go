// Package electa speaks the login of Electa Live's API 3.0, and on request that
// of API 2.1.
//
// An account number (CID) and an application key (AppKey), in the query or a
// form, are answered with a session token: a GUID in a small XML document, good
// for 20 minutes. Later calls carry CID and Token as ordinary parameters. Five
// failures in a row lock the account's login for 15 minutes. All of this is from
// the vendor's pages "Session Token" and "API 3.0"; that the document has no
// white space, so that the token starts at byte 92, is what a client in the
// field relies on.
//
// Where the vendor says nothing, this package chose, and says so with the word
// "inferred". This package must not know how accounts, keys and sessions are
// kept.
package electa
