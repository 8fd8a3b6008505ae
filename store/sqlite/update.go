package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// View calls f with a snapshot; see [auth.Store].
func (s *Store) View(ctx context.Context, f func(auth.Reader) error) error {
	var failed error
	err := s.cold.snapshot(ctx, func(c *conn) error {
		failed = f(records{c})
		return failed
	})
	if failed != nil {
		return failed // the caller's own, as it is
	}
	return explain("reading records", err)
}

// Update calls f in a transaction of its own; see [auth.Store]. While f runs,
// nothing else is written.
func (s *Store) Update(ctx context.Context, f func(auth.Tx) error) error {
	return s.writer.exclusive(ctx, func(c *conn) error {
		t, err := begin(c, s.tail, s.chain)
		if err != nil {
			return explain("changing records", err)
		}
		done := false
		defer func() {
			if !done { // f returned an error, panicked or ended its goroutine
				t.undo()
			}
		}()
		if err := f(&update{records{c}, t}); err != nil {
			return err
		}
		done = true
		if err := t.commit(); err != nil {
			return explain("committing changed records", err)
		}
		s.writer.commits.Add(1)
		return nil
	})
}

// update is the [auth.Tx] of one Update.
type update struct {
	records
	t *transaction
}

// put writes a record. An id of zero draws one; otherwise the record must be
// there.
func (u *update) put(what, counter string, id *int64, insert, replace string, fields ...driver.Value) error {
	query, drawn := replace, *id == 0
	if drawn {
		next, err := u.t.draw(counter, 1)
		if err != nil {
			return explain("numbering "+what, err)
		}
		*id, query = next, insert
	}
	n, err := u.t.exec(query, append([]driver.Value{*id}, fields...)...)
	if err == nil && n == 0 {
		err = auth.ErrNotFound
	}
	if err != nil && drawn {
		*id = 0
	}
	return explain("writing "+what, err)
}

// PutAccount creates or replaces an account.
func (u *update) PutAccount(a *auth.Account) error {
	id := int64(a.ID)
	var parent driver.Value // NULL for a tenant
	if a.Parent != 0 {
		parent = int64(a.Parent)
	}
	// Tenant 0 stands for the account's own id.
	tenant := a.Tenant
	if a.Level == auth.Tenant && a.ID == 0 {
		tenant = 0
	}
	err := u.put("account", "account", &id,
		`INSERT INTO accounts (id, tenant, parent, level, number, code, name, disabled, number_since, code_since)
			VALUES (?1, CASE ?2 WHEN 0 THEN ?1 ELSE ?2 END, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)`,
		`UPDATE accounts SET tenant = CASE ?2 WHEN 0 THEN ?1 ELSE ?2 END, parent = ?3, level = ?4, number = ?5, code = ?6, name = ?7, disabled = ?8,
			number_since = ?9, code_since = ?10 WHERE id = ?1`,
		int64(tenant), parent, int64(a.Level), a.Number, a.Code, a.Name, bit(a.Disabled), micros(a.NumberSince), micros(a.CodeSince))
	if err != nil {
		return err
	}
	a.ID = auth.AccountID(id)
	if tenant == 0 {
		a.Tenant = a.ID
	}
	return u.announce(auth.ChangedAccount, uint64(id))
}

// PutKey creates or replaces an API key.
func (u *update) PutKey(k *auth.Key) error {
	id := int64(k.ID)
	err := u.put("API key", "principal", &id,
		`INSERT INTO keys (id, account, name, digest, pepper, policy, networks, expires, disabled, created, last_used, role, everywhere)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		`UPDATE keys SET account = ?2, name = ?3, digest = ?4, pepper = ?5, policy = ?6, networks = ?7, expires = ?8,
			disabled = ?9, created = ?10, last_used = ?11, role = ?12, everywhere = ?13 WHERE id = ?1`,
		int64(k.Account), k.Name, k.Digest[:], int64(k.Pepper), k.Policy, formatNetworks(k.Networks), micros(k.Expires),
		bit(k.Disabled), micros(k.Created), micros(k.LastUsed), string(k.Role), bit(k.Everywhere))
	if err != nil {
		return err
	}
	k.ID = auth.PrincipalID(id)
	return u.announce(auth.ChangedPrincipal, uint64(id))
}

// PutUser creates or replaces a user.
func (u *update) PutUser(p *auth.User) error {
	id := int64(p.ID)
	err := u.put("user", "principal", &id,
		`INSERT INTO users (id, tenant, account, name, password, active, admin, grp, rights, full_name, display_name, email, policy, last_sign_in,
			role, everywhere, factor, factor_step, name_since)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		`UPDATE users SET tenant = ?2, account = ?3, name = ?4, password = ?5, active = ?6, admin = ?7, grp = ?8, rights = ?9,
			full_name = ?10, display_name = ?11, email = ?12, policy = ?13, last_sign_in = ?14,
			role = ?15, everywhere = ?16, factor = ?17, factor_step = max(factor_step, ?18), name_since = ?19 WHERE id = ?1`,
		int64(p.Tenant), int64(p.Account), p.Name, p.Password, bit(p.Active), bit(p.Admin), p.Group, p.Rights,
		p.FullName, p.DisplayName, p.Email, p.Policy, micros(p.LastSignIn), string(p.Role), bit(p.Everywhere), p.Factor, p.FactorStep, micros(p.NameSince))
	if err != nil {
		return err
	}
	p.ID = auth.PrincipalID(id)
	return u.announce(auth.ChangedPrincipal, uint64(id))
}

// PutApp creates or replaces the app of a key.
func (u *update) PutApp(a *auth.App) error {
	_, err := u.t.exec(`INSERT INTO apps (key, account, name, disabled) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET account = excluded.account, name = excluded.name, disabled = excluded.disabled`,
		a.Key, int64(a.Account), a.Name, bit(a.Disabled))
	if err != nil {
		return explain("writing app", err)
	}
	return u.announce(auth.ChangedOther, 0)
}

// PutPolicy creates or replaces the policy of a name.
func (u *update) PutPolicy(p *auth.Policy) error {
	_, err := u.t.exec(`INSERT INTO policies (name, span, idle, uses, expire_on_new, never) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET span = excluded.span, idle = excluded.idle, uses = excluded.uses,
			expire_on_new = excluded.expire_on_new, never = excluded.never`,
		p.Name, p.Span.Microseconds(), p.Idle.Microseconds(), int64(p.Uses), bit(p.ExpireOnNew), bit(p.Never))
	if err != nil {
		return explain("writing policy", err)
	}
	return u.announce(auth.ChangedOther, 0)
}

func (u *update) announce(kind auth.NoticeKind, id uint64) error {
	return explain("announcing a change", u.t.notice(kind, id))
}

// refuseIf is auth.InUse when a query for what stands in the way finds a row: what it
// is, its id, and the key of an app.
func (u *update) refuseIf(what, query string, args ...driver.Value) error {
	var use auth.InUse
	found, err := u.t.one(func(r row) { use = auth.InUse{By: auth.Noun(r.text(0)), ID: r.int(1), App: r.text(2)} }, query, args...)
	if err == nil && found {
		err = &use
	}
	return explain("deleting "+what, err)
}

// remove deletes one record and announces it.
func (u *update) remove(what, query string, key driver.Value, kind auth.NoticeKind, id uint64) error {
	n, err := u.t.exec(query, key)
	if err == nil && n == 0 {
		err = auth.ErrNotFound
	}
	if err != nil {
		return explain("deleting "+what, err)
	}
	return u.announce(kind, id)
}

// DeleteAccount deletes an account in which nothing is left.
func (u *update) DeleteAccount(id auth.AccountID) error {
	err := u.refuseIf("account",
		`SELECT 'account', id, '' FROM accounts WHERE parent = ?1 UNION ALL SELECT 'key', id, '' FROM keys WHERE account = ?1
			UNION ALL SELECT 'user', id, '' FROM users WHERE account = ?1 OR tenant = ?1 UNION ALL SELECT 'app', 0, key FROM apps WHERE account = ?1
			LIMIT 1`, int64(id))
	if err != nil {
		return err
	}
	return u.remove("account", "DELETE FROM accounts WHERE id = ?", int64(id), auth.ChangedAccount, uint64(id))
}

// DeleteKey deletes an API key and ends its sessions.
func (u *update) DeleteKey(id auth.PrincipalID) error {
	return u.removePrincipal("API key", "DELETE FROM keys WHERE id = ?", id)
}

// DeleteUser deletes a user and ends the sessions.
func (u *update) DeleteUser(id auth.PrincipalID) error {
	return u.removePrincipal("user", "DELETE FROM users WHERE id = ?", id)
}

func (u *update) removePrincipal(what, query string, id auth.PrincipalID) error {
	if err := u.remove(what, query, int64(id), auth.ChangedPrincipal, uint64(id)); err != nil {
		return err
	}
	_, err := u.End(auth.End{Principal: id})
	return err
}

// DeleteApp deletes an app.
func (u *update) DeleteApp(key string) error {
	return u.remove("app", "DELETE FROM apps WHERE key = ?", key, auth.ChangedOther, 0)
}

// DeletePolicy deletes a policy that no key or user names.
func (u *update) DeletePolicy(name string) error {
	err := u.refuseIf("policy",
		"SELECT 'key', id, '' FROM keys WHERE policy = ?1 AND policy <> '' UNION ALL SELECT 'user', id, '' FROM users WHERE policy = ?1 AND policy <> '' LIMIT 1", name)
	if err != nil {
		return err
	}
	return u.remove("policy", "DELETE FROM policies WHERE name = ?", name, auth.ChangedOther, 0)
}

// End ends sessions as a write set's does.
func (u *update) End(e auth.End) (int, error) {
	if err := checkEnds([]auth.End{e}); err != nil {
		return 0, err
	}
	n, err := u.t.end(&e)
	return n, explain("ending sessions", err)
}

// Record adds an event to the audit batch of the transaction.
func (u *update) Record(e audit.Event) error {
	var entry auditEntry
	entry.encode([]audit.Event{e})
	u.t.audit.add(&entry)
	return nil
}

var _ auth.Tx = (*update)(nil)
