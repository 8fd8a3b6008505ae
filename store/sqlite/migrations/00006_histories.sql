-- What tells a notice from any other that ever stood at its position, and a copy of
-- the database from the one it was made of; see auth.Position.

-- +goose Up
ALTER TABLE feed ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
CREATE TABLE history (mark INTEGER NOT NULL) STRICT;
INSERT INTO history (mark) VALUES (random());
