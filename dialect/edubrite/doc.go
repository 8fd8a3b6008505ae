// Package edubrite speaks the login of EduBrite's integration API, and its
// hand-off of users to browsers.
//
// An integrator's program holds one API user name and password for a microsite.
// A first request gets the cookie SESSION_ID; a second one, with the credentials,
// gets SESSION_INFO and a new SESSION_ID: the API session. Later calls carry both
// cookies and, in the header REAL_UNAME, the name of the user for whom the call is
// made. One of them, createSessionApi, answers two strings, sessionId and sInfo,
// which in a URL sign that user in to a browser, once. This is from the vendor's
// pages "API authentication", "Single sign-on using the API" and "cURL examples",
// and from its published Java client; a PHP and a Java client in the field add
// how they differ.
//
// The two strings of a session are the two parts of one token, so that neither is
// worth anything without the other. API sessions and browser sessions differ in
// their attributes, and neither can be used as the other: a call that names a user
// needs an API session, one that names none a browser session.
//
// Where the vendor says nothing, this package chose, and says so with the word
// "inferred". The vendor's encryption of calls is not spoken: its own README tells
// integrators to switch it off. This package must not know how users and sessions
// are kept.
package edubrite
