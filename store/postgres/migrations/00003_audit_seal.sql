-- From where to where the audit was whole, sealed under the key set: one row.

-- +goose Up
SET LOCAL lock_timeout = '500ms';

CREATE TABLE audit_seal (
	id   smallint PRIMARY KEY,
	seal text NOT NULL
);

-- Servers of an older version drop old batches and do not move the seal, which
-- then looks as if somebody had taken them away. They sweep in this turn and, when
-- it is not there, not at all; this version has another.
INSERT INTO turns VALUES ('clearing');
DELETE FROM turns WHERE name = 'sweep';
