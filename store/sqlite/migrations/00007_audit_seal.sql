-- From where to where the audit was whole, sealed under the key set: one row.

-- +goose Up
CREATE TABLE audit_seal (
	id   INTEGER PRIMARY KEY,
	seal TEXT NOT NULL
) STRICT;
