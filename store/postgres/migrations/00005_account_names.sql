-- Since when accounts bear the names that the audit calls them by; 0: since before
-- that was noted.

-- +goose Up
SET LOCAL lock_timeout = '500ms';

ALTER TABLE accounts ADD COLUMN number_since bigint NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN code_since bigint NOT NULL DEFAULT 0;
