// Package move takes everything from one store into another: from a file into
// PostgreSQL, and back. Rows go as they are, key by key, so that every token,
// every lock, every position in the feed and every link of the audit's chain is
// good where it arrives, and ids go on from where they were.
//
// It owns the list of what is moved (tables.go) and the way of it (move.go). It
// knows no SQL: a store reads and writes its own rows, as [Source] and [Target]
// ask. What a store keeps for itself alone, as an index or a lock, is not in the
// list; a test of each store accounts for every column that its schema has.
//
// A move may be interrupted at any point, kill -9 included. Rows are written in
// parts, in the order of keys and each part whole, so the newest row of a table
// says how far it has come. Until every row was read back and compared, the
// target is marked as unfinished, and no store opens it.
package move
