// Command simulate reckons what a hundred nodes on one database do to it and to
// each other: how often a check finds its session in the node's memory, what the
// database is asked, what the feed carries, and for how long a node still believes
// a session that another node has ended. It also writes the capacity table of
// docs/scaling.md.
//
// It is discrete and deterministic: the same seed gives the same figures. Periods
// and the rules of the cache are the product's own (auth/pace.go); what a login or
// a check costs was measured and stands in measured.go. A test replays one trace on
// real nodes over a real PostgreSQL and compares what they asked it.
package main
