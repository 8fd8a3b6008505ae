// Package secret owns everything in Sallyport that is secret: the server's key
// set, session tokens, API key secrets and password hashes.
//
// A [Keys] is a Tink keyset file. Each key of it yields, by a pseudo-random
// function with one label per use, the subkeys that authenticate tokens and
// pepper API keys. Rotation adds a primary; what older keys made goes on being
// accepted until they are taken out of the file.
//
// A [Token] has two halves: the selector, a session's number, finds the
// session; the verifier, random bytes, proves possession. The store keeps the
// number and a [Digest], never the token. A made-up token is refused by
// arithmetic, before any store is asked.
//
// A [Sealer] makes texts for one use that come back to us as they were: sealed,
// so that clients can carry but neither read nor make them.
//
// [Keys.SigningKey] gives the keys that sign what an API behind is told of its
// callers.
//
// A [Hasher] computes and verifies password hashes and bounds how much memory
// and how many callers that may take at once.
//
// Secrets come in and go out as plain strings and are never logged, formatted or
// put in an error from here: every type that holds one prints as a placeholder.
// Comparisons of secrets take constant time. This package must not know of
// HTTP, SQL, sessions or accounts, and it reads no clock.
package secret
