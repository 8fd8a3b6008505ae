-- What sallyport migrate-store moved into this database, or is moving: until it is
-- done (0: it is not), nobody serves what is there of it.

-- +goose Up
SET LOCAL lock_timeout = '500ms';

CREATE TABLE moves (
	source text COLLATE "C" PRIMARY KEY,
	name   text NOT NULL,
	began  bigint NOT NULL,
	done   bigint NOT NULL
);
