-- +goose Up
-- The tenant against whose cap of live sessions a session counts; 0: against none.
-- Sessions of before this migration count against none.
ALTER TABLE sessions ADD COLUMN capped INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sessions_capped ON sessions (capped, ends) WHERE capped <> 0;
