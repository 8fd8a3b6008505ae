// Package test runs the whole program as its operator, its clients and its
// attackers do. Each file in testdata is one story: it starts the real binary,
// talks to it with curl, and says at its top what must hold.
//
// The programs beside it (storm, guess, hold, check, fill) do what curl cannot:
// many things at once, or one thing slowly.
package test
