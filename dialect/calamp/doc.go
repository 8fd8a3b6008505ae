// Package calamp speaks the login of the CalAmp Telematics Cloud.
//
// A user name and password in a form, with the application key of the client
// program in the header calamp-services-app, are answered with the cookie
// authToken. Later calls carry the cookie, or its value as a Bearer token, and
// the header again. A 401 tells a client to log in again; logging in before
// every call breaks the vendor's terms of fair use. This is from the vendor's
// page "Login API" and its developers' pages; the order of the cookie's
// attributes and the dashes in its date are what clients in the field take apart
// by hand.
//
// Where the vendor says nothing, this package chose, and says so with the word
// "inferred". This package must not know how users, apps and sessions are kept.
package calamp
