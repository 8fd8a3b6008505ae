// Package domainpunch speaks the login of DomainPunch's Watch My Domains SED.
//
// One script serves every command: api.php?c=auth with a user name and password
// is answered with a JSON object and the cookie of a PHP session, and every other
// command carries the cookie. Since version 6.1 the answer also holds an etoken, a
// sealed text around the session's id that is good for two seconds: presented
// as a Bearer token at api-sl.php, it stands for the cookie. This is from the
// vendor's pages on the API and on the session token.
//
// Where the vendor says nothing, this package chose, and says so with the word
// "inferred". This package must not know how users and sessions are kept.
package domainpunch
