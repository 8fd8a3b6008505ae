-- As of accounts: since when users bear their names; 0: since before that was noted.

-- +goose Up
SET LOCAL lock_timeout = '500ms';

ALTER TABLE users ADD COLUMN name_since bigint NOT NULL DEFAULT 0;
