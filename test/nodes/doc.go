// Package nodes runs several servers on one database in PostgreSQL, as processes,
// and does to them what happens in the life of a cluster: the database's primary
// dies or is changed for another, a node loses its way to the database, the
// database is full or slow or not the right one, nodes are restarted one after
// the other. Meanwhile clients log in, call and log out, and what each was
// answered is held against what is true afterwards.
//
// It runs at full speed only: the programs are others, and the race detector
// would see nothing of them.
package nodes
