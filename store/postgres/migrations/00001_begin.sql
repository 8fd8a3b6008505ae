-- Times are whole microseconds since 1970, UTC; 0 stands for none.
--
-- Text that customers name things by is compared and sorted byte by byte. What
-- outsiders send and nobody names is bytea: text cannot hold every byte.

-- +goose Up
CREATE TABLE counters (
	name text PRIMARY KEY,
	next bigint NOT NULL
);
INSERT INTO counters VALUES ('session', 1), ('account', 1), ('principal', 1);

-- Rows that are locked and never written: whoever holds one appends to what it
-- is named after. A counter there would leave a dead row behind every commit.
CREATE TABLE turns (
	name text PRIMARY KEY
);
INSERT INTO turns VALUES ('feed'), ('audit'), ('update'), ('sweep');

-- Which commits a writer has made; see outcome.go.
CREATE TABLE commits (
	writer bigint NOT NULL,
	n      bigint NOT NULL,
	at     bigint NOT NULL,
	PRIMARY KEY (writer, n)
);

CREATE TABLE sessions (
	id            bigint PRIMARY KEY,
	ends          bigint NOT NULL,
	principal     bigint NOT NULL,
	issued        bigint NOT NULL,
	cap           bigint NOT NULL,
	idle          bigint NOT NULL,
	capped        bigint NOT NULL,
	uses          integer NOT NULL,
	expire_on_new boolean NOT NULL,
	digest        bytea NOT NULL,
	dialect       text NOT NULL,
	app           text NOT NULL,
	source        bytea NOT NULL,
	attrs         bytea NOT NULL
);
-- ends is in no index, so that moving it on writes no index at all.
CREATE INDEX sessions_principal ON sessions (principal, id);
CREATE INDEX sessions_capped ON sessions (capped) WHERE capped <> 0;

CREATE TABLE handoffs (
	id        bigint PRIMARY KEY,
	digest    bytea NOT NULL,
	principal bigint NOT NULL,
	dialect   text NOT NULL,
	attrs     bytea NOT NULL,
	issued    bigint NOT NULL,
	expires   bigint NOT NULL
);
CREATE INDEX handoffs_expires ON handoffs (expires);

CREATE TABLE guards (
	key      bytea PRIMARY KEY,
	name     bytea NOT NULL,
	known    boolean NOT NULL,
	failures bigint NOT NULL,
	last     bigint NOT NULL,
	locked   bigint NOT NULL,
	forget   bigint NOT NULL
);
CREATE INDEX guards_forget ON guards (forget);

CREATE TABLE feed (
	seq  bigint PRIMARY KEY,
	kind smallint NOT NULL,
	id   bigint NOT NULL,
	at   bigint NOT NULL
);
-- How far the feed had come at a time of the sweeper's clock.
CREATE TABLE feed_marks (
	at  bigint PRIMARY KEY,
	seq bigint NOT NULL
);

CREATE TABLE audit_batches (
	seq   bigint PRIMARY KEY,
	at    bigint NOT NULL,
	count bigint NOT NULL,
	body  bytea NOT NULL,
	chain bytea NOT NULL
);

CREATE TABLE accounts (
	id       bigint PRIMARY KEY,
	tenant   bigint NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
	parent   bigint REFERENCES accounts (id),
	level    smallint NOT NULL,
	number   bigint NOT NULL,
	code     text COLLATE "C" NOT NULL,
	name     text NOT NULL,
	disabled boolean NOT NULL
);
CREATE INDEX accounts_parent ON accounts (parent);
CREATE INDEX accounts_any_number ON accounts (number) WHERE number <> 0;
CREATE INDEX accounts_any_code ON accounts (code) WHERE code <> '';
CREATE UNIQUE INDEX accounts_number ON accounts (tenant, number) WHERE number <> 0;
CREATE UNIQUE INDEX accounts_code ON accounts (tenant, code) WHERE code <> '';
CREATE UNIQUE INDEX tenants_code ON accounts (code) WHERE level = 1;

CREATE TABLE keys (
	id         bigint PRIMARY KEY,
	account    bigint NOT NULL REFERENCES accounts (id),
	name       text COLLATE "C" NOT NULL,
	digest     bytea NOT NULL,
	pepper     bigint NOT NULL,
	policy     text COLLATE "C" NOT NULL,
	networks   text NOT NULL,
	expires    bigint NOT NULL,
	disabled   boolean NOT NULL,
	created    bigint NOT NULL,
	last_used  bigint NOT NULL,
	role       text NOT NULL,
	everywhere boolean NOT NULL
);
CREATE UNIQUE INDEX keys_digest ON keys (digest);
CREATE UNIQUE INDEX keys_name ON keys (account, name);
CREATE INDEX keys_policy ON keys (policy) WHERE policy <> '';

CREATE TABLE users (
	id           bigint PRIMARY KEY,
	tenant       bigint NOT NULL REFERENCES accounts (id),
	account      bigint NOT NULL REFERENCES accounts (id),
	name         text COLLATE "C" NOT NULL,
	password     text COLLATE "C" NOT NULL,
	active       boolean NOT NULL,
	admin        boolean NOT NULL,
	grp          text NOT NULL,
	rights       bigint NOT NULL,
	full_name    text NOT NULL,
	display_name text NOT NULL,
	email        text NOT NULL,
	policy       text COLLATE "C" NOT NULL,
	last_sign_in bigint NOT NULL,
	role         text NOT NULL,
	everywhere   boolean NOT NULL,
	factor       text NOT NULL,
	factor_step  bigint NOT NULL
);
CREATE UNIQUE INDEX users_tenant_name ON users (tenant, name);
CREATE INDEX users_account ON users (account);
CREATE INDEX users_name ON users (name);
CREATE INDEX users_policy ON users (policy) WHERE policy <> '';

CREATE TABLE apps (
	key      text COLLATE "C" PRIMARY KEY,
	account  bigint NOT NULL REFERENCES accounts (id),
	name     text NOT NULL,
	disabled boolean NOT NULL
);
CREATE INDEX apps_account ON apps (account);

CREATE TABLE policies (
	name          text COLLATE "C" PRIMARY KEY,
	span          bigint NOT NULL,
	idle          bigint NOT NULL,
	uses          bigint NOT NULL,
	expire_on_new boolean NOT NULL,
	never         boolean NOT NULL
);
