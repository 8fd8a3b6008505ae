-- When each notice was announced, so that followers can tell how late they are.

-- +goose Up
ALTER TABLE feed ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
