// Package dialect is the seam between login protocols and the core. A [Dialect]
// is a translator: it reads credentials and tokens where one vendor's clients
// put them, hands them to package auth, and writes the answer in that vendor's
// words. It knows nothing of storage, hashing, lockout or expiry.
//
// Each dialect lives in a folder of its own and is described by a [Definition],
// a value that the server lists; nothing registers itself. Every folder has the
// same files: the dialect's own (Definition, New, Routes, handlers), wire.go
// (request to attempt, grant to bytes), refuse.go (reason to the vendor's code,
// text and status), token.go (where later calls carry the token), and testdata
// with transcripts that package dialecttest replays.
//
// A dialect names paths and nothing else. The [Router] gives each of them what
// none may forget: a secure channel, a bounded body, Cache-Control: no-store, one
// log line without anything secret, and an answer in the dialect's own words when
// a handler panics.
//
// This package also reads parameters for all dialects, bounded and strict. It
// must not know any vendor, and dialects must import neither a store nor each
// other.
package dialect
