// Package auth is the core of Sallyport: credentials in, sessions out.
//
// # Words
//
// An [Account] is a node of the customer tree: tenant > organization > division.
// Two kinds of principals log in: an API [Key], a secret of an account for
// programs, and a [User], a name and a password in one tenant. An [App] is a
// client program, named by a key that is an identity and no secret.
//
// A dialect reads an [Attempt] from a request. A successful one begins a
// [Session], and its token goes out in a [Grant]; a later call carries the token
// in a [Bearer], and [Service.Check] says whose session it opens. A [Policy]
// says how long a session lives. The guard stops guessing and watches over fair
// use. A caller that its dialect lets act for others names a user of its tenant
// ([Bearer].As, [Service.ActAs]); the session then speaks for that user, and the
// caller is its Actor. A [Refusal] is the only typed error that dialects see.
//
// # What holds
//
// What [Service.Login] returns is durable: a token that was handed out survives
// kill -9 the instant after, and so does a failure that was counted.
//
// Of N guesses sent at once no more are judged than the lock allows: a guess
// takes its place before it is judged. A lock ends by itself, is not lengthened
// by further failures, survives a restart and covers unknown names as well.
//
// An unknown name, a wrong secret and a disabled key are one reason, at one
// price: the same hashing and the same look into the store. What remains is the
// time of password hashes that are not argon2id, until they are renewed at their
// next login.
//
// A session that ended is refused at once by the node that ended it, and within
// a second by the others: nodes follow the [Store]'s feed of what ended, believe
// their memory only while the feed is fresh, then ask the store, then refuse.
//
// Checking writes nothing. Last uses are noted in the background, and losing
// them can only end a session early. The exception is a session with a number of
// uses: taking one is a change that must not be lost.
//
// Everything that grows is bounded, and the janitor shrinks it.
//
// # What it must not know
//
// HTTP, SQL, XML, cookies, and which dialects there are. What only a dialect
// knows of a session travels in Attrs, opaque here.
package auth
