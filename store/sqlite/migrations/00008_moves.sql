-- What sallyport migrate-store moved into this database, or is moving: until it is
-- done (0: it is not), nobody serves what is there of it.

-- +goose Up
CREATE TABLE moves (
	source TEXT PRIMARY KEY,
	name   TEXT NOT NULL,
	began  INTEGER NOT NULL,
	done   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
