// Command bench measures what the server can do, each figure against a ceiling
// that is measured in the same run on the same machine: a bare net/http handler,
// argon2id by itself, plain inserts into the same database. README.md says what
// the rows mean.
//
// Server and ceilings are programs of their own (child.go); the load comes from
// this one (bench/load). Everything happens on loopback and in a temporary
// directory.
package main
