-- +goose Up
ALTER TABLE users ADD COLUMN factor TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN factor_step INTEGER NOT NULL DEFAULT 0;
-- For logins that name an account by its code and do not say of which tenant.
CREATE INDEX accounts_any_code ON accounts (code) WHERE code <> '';
