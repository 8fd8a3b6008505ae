// Package console is the administration of a server in a browser: HTML over the
// operations of package admin, with the same names.
//
// It reads and changes nothing itself. Each page asks [admin.Admin] as the
// administrator who is signed in, so that what somebody may see and do, and what is
// recorded of it, is decided in one place for the API, the command line and the
// console. The two exceptions are sign-in and sign-out, which are logins of the core
// over a mount like any other, with a password and a one-time code (RFC 6238), and the
// charts, which are drawn from the core's counters for those whose role reaches
// everywhere.
//
// Pages are made on the server and work without script; the little there is copies
// text and shows times of the reader's own clock. A page can load nothing but the
// console's own files, be framed by nobody and post to nobody else (the
// Content-Security-Policy in headers.go). A form is taken from the console's own pages
// alone: the session's cookie is SameSite=Strict, the browser's word on where a request
// comes from is checked, and the form carries a token of the session.
//
// A secret is on one page, the answer to the form that made it, and on no other.
//
// The package knows no dialects: what it shows of them comes with [Options].
package console
