// Package sqlite keeps everything in one SQLite file: the embedded store that
// needs no other server. It implements [auth.Store] and owns its file, its
// schema and its SQL; it decides no rule and knows no dialect.
//
// One goroutine writes (writer.go). It takes the write sets that wait, up to
// 256, and commits them in one transaction with one fsync: 64 logins cost about
// what one costs. Everybody else reads, over read-only connections that never
// wait for it (the write-ahead log gives each read a snapshot).
//
// The speed rests on writing only at the ends of B-trees. Session ids grow, so
// sessions are appended; the audit, the feed and the log of begun sessions are
// too. The one index that is not append-ordered, which sessions a principal
// has, is written later and sorted (owned.go).
//
// The file is opened by several processes at most for a moment, when an
// operator runs a command beside the server: every transaction begins
// immediate and reads the positions it continues inside.
package sqlite
