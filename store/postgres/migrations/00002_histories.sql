-- +goose Up
SET LOCAL lock_timeout = '500ms';

-- What tells a notice from any other that ever stood at its position; see
-- auth.Position. Those that are there already have none: giving them one would
-- write the whole table anew while everybody waits.
ALTER TABLE feed ADD COLUMN mark uuid;
ALTER TABLE feed ALTER COLUMN mark SET DEFAULT gen_random_uuid();

-- How far the nodes have come in going round a table, all of them together: the
-- last id that was looked at, how many were, when the last round was over, and how
-- many it had.
CREATE TABLE rounds (
	name  text PRIMARY KEY,
	after bigint NOT NULL,
	seen  bigint NOT NULL,
	over  bigint NOT NULL,
	had   bigint NOT NULL
);
INSERT INTO rounds (name, after, seen, over, had) VALUES ('sessions', 0, 0, 0, 0);
