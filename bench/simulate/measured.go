package main

// What things cost, measured as docs/scaling.md says. Every figure of the capacity
// table comes from these and from its own row; who measures others changes them here.
const (
	loginNodeMicros     = 60.0  // processor time of a node for a login over HTTP (cpu-us/req of postgres-http)
	checkNodeMicros     = 28.0  // for a check over HTTP whose session is in memory (cpu-us/req of postgres-check)
	loginPostgresMicros = 25.0  // of PostgreSQL for a login, 40 in a commit (postgres-login)
	readPostgresMicros  = 40.0  // for one session by its id: how long one takes after the other, the asking included
	walBytes            = 390.0 // of PostgreSQL's log for a login (postgres-login)
	rowBytes            = 141.3 // of the table of sessions for one, of ten million
	keyIndexBytes       = 22.5  // of its primary key
	ownerIndexBytes     = 45.1  // of the index of whose it is
	auditBytes          = 60.0  // of a login's event in a batch; 24 where logins look alike
	memoryBytes         = 183.0 // of a session in a node's memory (core-check)
)

// On the wire, by PostgreSQL's protocol (version 3, message formats): a look at the
// feed is Bind, Describe, Execute and Sync, and BindComplete, RowDescription,
// CommandComplete and ReadyForQuery, some 200 bytes; a notice is a DataRow of four
// columns.
const (
	pollBytes   = 200
	noticeBytes = 1 + 4 + 2 + 4*4 + 8 + 2 + 8 + 8
)
