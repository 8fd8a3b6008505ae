// Package admin is the administration of a server: what an operator can look at and
// change, who may, and the HTTP API over it.
//
// [Admin] has one method for each operation of the table in package api. Every one
// takes who asks and from where, and begins with the same call: it holds the caller's
// role to the operation's right and records what is refused. A change and its audit
// event are one transaction: without the event there is no change. Reads are recorded
// where much leaves the server (an export).
//
// A caller whose role does not reach everywhere sees its account and those below it;
// everything else is as if it were not there. Nobody can give, take away or borrow
// power that is not the caller's own to give: only owners touch keys and users that
// have a role, and only owners everywhere those that reach everywhere.
//
// Secrets appear once, in the answer that made them, and nowhere in the audit.
// Passwords are hashed outside of transactions, within the server's bounds.
//
// What a record must look like is for package auth to say, and what the API says on
// the wire is package api's. Nothing here knows SQL, dialects or the console.
package admin
