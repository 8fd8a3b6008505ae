// Package postgres keeps everything in a PostgreSQL database that any number of
// nodes share. It implements [auth.Store] and owns its schema and its SQL; it
// decides no rule and knows no dialect.
//
// Write sets that wait are committed together (writer.go): merged into a few
// statements (plan.go, queries.go) that travel in one message, from BEGIN to
// COMMIT, so that no lock is held while anything travels. Of a commit whose
// answer is lost it is found out what became of it (commit.go).
//
// Three things are done in turn by all nodes, each by locking a row that is
// never written: positions in the feed, links of the audit's chain, changes to
// records. The turn is kept until the commit can be seen, so that a follower who
// has seen a position has seen all before it.
//
// Nothing that matters is kept in a session of the database: PgBouncer may hand each
// transaction another. Nothing is read from a replica. What an engine can do beyond
// what is needed is found out at the start (engine.go): then nodes wake each other
// (news.go), one of them sweeps under an advisory lock (sweep.go), and a server that
// took over is told from the one before (feed.go).
package postgres
