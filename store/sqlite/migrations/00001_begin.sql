-- Times are whole microseconds since 1970, UTC; 0 stands for none.

-- +goose Up
CREATE TABLE counters (
	name TEXT PRIMARY KEY,
	next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('session', 1), ('account', 1), ('principal', 1);

-- ends stands first because sweeping reads it of every row.
CREATE TABLE sessions (
	id            INTEGER PRIMARY KEY,
	ends          INTEGER NOT NULL,
	principal     INTEGER NOT NULL,
	uses          INTEGER NOT NULL,
	expire_on_new INTEGER NOT NULL,
	issued        INTEGER NOT NULL,
	cap           INTEGER NOT NULL,
	idle          INTEGER NOT NULL,
	digest        BLOB NOT NULL,
	dialect       TEXT NOT NULL,
	app           TEXT NOT NULL,
	source        BLOB NOT NULL,
	attrs         TEXT NOT NULL
) STRICT;

-- Which sessions a principal has: first in begun, one row a commit, then here.
CREATE TABLE owned (
	principal INTEGER NOT NULL,
	id        INTEGER NOT NULL,
	PRIMARY KEY (principal, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE begun (
	seq   INTEGER PRIMARY KEY,
	pairs BLOB NOT NULL
) STRICT;

CREATE TABLE handoffs (
	id        INTEGER PRIMARY KEY,
	digest    BLOB NOT NULL,
	principal INTEGER NOT NULL,
	dialect   TEXT NOT NULL,
	attrs     TEXT NOT NULL,
	issued    INTEGER NOT NULL,
	expires   INTEGER NOT NULL
) STRICT;
CREATE INDEX handoffs_expires ON handoffs (expires);

CREATE TABLE guards (
	key      BLOB PRIMARY KEY,
	name     TEXT NOT NULL,
	known    INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	locked   INTEGER NOT NULL,
	forget   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX guards_forget ON guards (forget);

CREATE TABLE feed (
	seq  INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL,
	id   INTEGER NOT NULL
) STRICT;
-- How far the feed had come at a time, so that notices need no time of their own.
CREATE TABLE feed_marks (
	at  INTEGER PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_batches (
	seq   INTEGER PRIMARY KEY,
	at    INTEGER NOT NULL,
	count INTEGER NOT NULL,
	body  BLOB NOT NULL,
	chain BLOB NOT NULL
) STRICT;

CREATE TABLE accounts (
	id       INTEGER PRIMARY KEY,
	tenant   INTEGER NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
	parent   INTEGER REFERENCES accounts (id),
	level    INTEGER NOT NULL,
	number   INTEGER NOT NULL,
	code     TEXT NOT NULL,
	name     TEXT NOT NULL,
	disabled INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_parent ON accounts (parent);
CREATE INDEX accounts_any_number ON accounts (number) WHERE number <> 0;
CREATE UNIQUE INDEX accounts_number ON accounts (tenant, number) WHERE number <> 0;
CREATE UNIQUE INDEX accounts_code ON accounts (tenant, code) WHERE code <> '';
CREATE UNIQUE INDEX tenants_code ON accounts (code) WHERE level = 1;

CREATE TABLE keys (
	id        INTEGER PRIMARY KEY,
	account   INTEGER NOT NULL REFERENCES accounts (id),
	name      TEXT NOT NULL,
	digest    BLOB NOT NULL UNIQUE,
	pepper    INTEGER NOT NULL,
	policy    TEXT NOT NULL,
	networks  TEXT NOT NULL,
	expires   INTEGER NOT NULL,
	disabled  INTEGER NOT NULL,
	created   INTEGER NOT NULL,
	last_used INTEGER NOT NULL,
	UNIQUE (account, name)
) STRICT;
CREATE INDEX keys_policy ON keys (policy) WHERE policy <> '';

CREATE TABLE users (
	id           INTEGER PRIMARY KEY,
	tenant       INTEGER NOT NULL REFERENCES accounts (id),
	account      INTEGER NOT NULL REFERENCES accounts (id),
	name         TEXT NOT NULL,
	password     TEXT NOT NULL,
	active       INTEGER NOT NULL,
	admin        INTEGER NOT NULL,
	grp          TEXT NOT NULL,
	rights       INTEGER NOT NULL,
	full_name    TEXT NOT NULL,
	display_name TEXT NOT NULL,
	email        TEXT NOT NULL,
	policy       TEXT NOT NULL,
	last_sign_in INTEGER NOT NULL,
	UNIQUE (tenant, name)
) STRICT;
CREATE INDEX users_account ON users (account);
CREATE INDEX users_name ON users (name);
CREATE INDEX users_policy ON users (policy) WHERE policy <> '';

CREATE TABLE apps (
	key      TEXT PRIMARY KEY,
	account  INTEGER NOT NULL REFERENCES accounts (id),
	name     TEXT NOT NULL,
	disabled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX apps_account ON apps (account);

CREATE TABLE policies (
	name          TEXT PRIMARY KEY,
	span          INTEGER NOT NULL,
	idle          INTEGER NOT NULL,
	uses          INTEGER NOT NULL,
	expire_on_new INTEGER NOT NULL,
	never         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
