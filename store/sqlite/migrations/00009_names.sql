-- Since when accounts and users bear the names that the audit calls them by; 0: since
-- before that was noted.

-- +goose Up
ALTER TABLE accounts ADD COLUMN number_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN code_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN name_since INTEGER NOT NULL DEFAULT 0;
