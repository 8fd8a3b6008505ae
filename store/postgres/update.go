package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// View calls f with a snapshot; see [auth.Store].
func (s *Store) View(ctx context.Context, f func(auth.Reader) error) error {
	var failed error
	err := s.cold.snapshot(ctx, func(tx pgx.Tx) error {
		failed = f(records{ctx, tx})
		return failed
	})
	if failed != nil {
		return failed // the caller's own, as it is
	}
	return explain("reading records", err)
}

// updateTries is how often f is called if what it did could not be committed.
const updateTries = 3

// idle ends a transaction whose node is gone: others wait for its turn.
const idle = "SET LOCAL idle_in_transaction_session_timeout = '60s'"

const takeUpdate = "SELECT 1 FROM turns WHERE name = 'update' FOR UPDATE"

// Update calls f in a transaction of its own; see [auth.Store]. While f runs, no
// other Update does, on any node. Write sets go on.
func (s *Store) Update(ctx context.Context, f func(auth.Tx) error) error {
	select { // those who wait for the turn here leave the connections to others
	case s.updating <- struct{}{}:
		defer func() { <-s.updating }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for try := 1; ; try++ {
		again, err := s.update(ctx, f)
		if err == nil || !again || try == updateTries {
			return err
		}
	}
}

// update is one try. again says that nothing was written and another may help.
func (s *Store) update(ctx context.Context, f func(auth.Tx) error) (again bool, err error) {
	c, err := s.cold.take(ctx)
	if err != nil {
		return false, explain("changing records", err)
	}
	defer c.Release()
	u := &update{records: records{ctx, c}}
	done := false
	defer func() {
		if !done { // f returned an error, panicked or ended its goroutine
			rollback(c)
		}
	}()
	if err := u.begin(); err != nil {
		s.cold.heed(c, answered(err, c.Conn().IsClosed()))
		return isLost(answered(err, c.Conn().IsClosed())) && ctx.Err() == nil, explain("changing records", answered(err, c.Conn().IsClosed()))
	}
	if err := f(u); err != nil {
		return u.again && ctx.Err() == nil, err
	}
	done = true
	at := newCommitter(s.stopped, s.write, &s.waker, s.patience)
	at.n = 1
	p := u.plan(at.name, at.others)
	step, err := at.sendOver(c, p)
	if isLost(err) {
		err = at.resolve(err)
	}
	if err == nil {
		s.queue.commits.Add(1)
	}
	return isLost(err) || at.helps(err) || at.others.full(p, step, err), explain("committing changed records", err)
}

// rollback undoes what is open.
func rollback(c *conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := c.Exec(ctx, "ROLLBACK"); err != nil {
		_ = c.Conn().Close(ctx) // which undoes it too
	}
}

// update is the [auth.Tx] of one Update.
type update struct {
	records
	kinds []int16 // of the notices that the commit tells
	ids   []int64
	audit auditEntry
	turn  bool // it has the feed's
	again bool // a statement failed that may do better next time
}

func (u *update) begin() error {
	var b pgx.Batch
	for _, q := range []string{begin, idle, takeUpdate} {
		b.Queue(q)
	}
	return u.tx.SendBatch(u.ctx, &b).Close()
}

// plan is the end of the transaction.
func (u *update) plan(writer int64, others *waker) *plan {
	p := &plan{audit: u.audit, tells: u.turn || len(u.kinds) > 0}
	p.queue(everybody, mark, writer, int64(1))
	if len(u.kinds) > 0 {
		p.queue(everybody, takeFeed)
		p.queue(everybody, tell, u.kinds, u.ids)
	}
	p.finish(others)
	return p
}

// noted takes note of an error that another try may not meet.
func (u *update) noted(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		u.again = u.again || e.Code == "40001" || e.Code == "40P01"
	}
	return err
}

// exec runs a statement and says how many rows it changed. If it fails, the
// transaction is as it was before, as callers know it from other stores.
func (u *update) exec(query string, args ...any) (int, error) {
	var b pgx.Batch
	b.Queue("SAVEPOINT one")
	b.Queue(query, args...)
	b.Queue("RELEASE SAVEPOINT one")
	results := u.tx.SendBatch(u.ctx, &b)
	_, err := results.Exec()
	var tag pgconn.CommandTag
	if err == nil {
		tag, err = results.Exec()
	}
	if e := results.Close(); err == nil {
		err = e
	}
	if err != nil {
		_, _ = u.tx.Exec(u.ctx, "ROLLBACK TO SAVEPOINT one") // if that fails too, so does the commit
	}
	return int(tag.RowsAffected()), u.noted(err)
}

// put writes a record. An id of zero draws one; otherwise the record must be
// there.
func (u *update) put(what, counter string, id *int64, insert, replace string, fields ...any) error {
	query, drawn := replace, *id == 0
	if drawn {
		next, err := draw(u.ctx, u.tx, counter, 1)
		if err != nil {
			return explain("numbering "+what, err)
		}
		*id, query = next, insert
	}
	n, err := u.exec(query, append([]any{*id}, fields...)...)
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
	var parent any // NULL for a tenant
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
			VALUES ($1, CASE $2::bigint WHEN 0 THEN $1 ELSE $2::bigint END, $3, $4, $5, $6, $7, $8, $9, $10)`,
		`UPDATE accounts SET tenant = CASE $2::bigint WHEN 0 THEN $1 ELSE $2::bigint END, parent = $3, level = $4, number = $5, code = $6, name = $7, disabled = $8,
			number_since = $9, code_since = $10 WHERE id = $1`,
		int64(tenant), parent, int16(a.Level), a.Number, a.Code, a.Name, (a.Disabled), micros(a.NumberSince), micros(a.CodeSince))
	if err != nil {
		return err
	}
	a.ID = auth.AccountID(id)
	if tenant == 0 {
		a.Tenant = a.ID
	}
	u.announce(auth.ChangedAccount, uint64(id))
	return nil
}

// PutKey creates or replaces an API key.
func (u *update) PutKey(k *auth.Key) error {
	id := int64(k.ID)
	err := u.put("API key", "principal", &id,
		`INSERT INTO keys (id, account, name, digest, pepper, policy, networks, expires, disabled, created, last_used, role, everywhere)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		`UPDATE keys SET account = $2, name = $3, digest = $4, pepper = $5, policy = $6, networks = $7, expires = $8,
			disabled = $9, created = $10, last_used = $11, role = $12, everywhere = $13 WHERE id = $1`,
		int64(k.Account), k.Name, k.Digest[:], int64(k.Pepper), k.Policy, formatNetworks(k.Networks), micros(k.Expires),
		(k.Disabled), micros(k.Created), micros(k.LastUsed), string(k.Role), (k.Everywhere))
	if err != nil {
		return err
	}
	k.ID = auth.PrincipalID(id)
	u.announce(auth.ChangedPrincipal, uint64(id))
	return nil
}

// PutUser creates or replaces a user.
func (u *update) PutUser(p *auth.User) error {
	id := int64(p.ID)
	err := u.put("user", "principal", &id,
		`INSERT INTO users (id, tenant, account, name, password, active, admin, grp, rights, full_name, display_name, email, policy, last_sign_in,
			role, everywhere, factor, factor_step, name_since)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		`UPDATE users SET tenant = $2, account = $3, name = $4, password = $5, active = $6, admin = $7, grp = $8, rights = $9,
			full_name = $10, display_name = $11, email = $12, policy = $13, last_sign_in = $14,
			role = $15, everywhere = $16, factor = $17, factor_step = greatest(factor_step, $18), name_since = $19 WHERE id = $1`,
		int64(p.Tenant), int64(p.Account), p.Name, p.Password, (p.Active), (p.Admin), p.Group, p.Rights,
		p.FullName, p.DisplayName, p.Email, p.Policy, micros(p.LastSignIn), string(p.Role), (p.Everywhere), p.Factor, p.FactorStep, micros(p.NameSince))
	if err != nil {
		return err
	}
	p.ID = auth.PrincipalID(id)
	u.announce(auth.ChangedPrincipal, uint64(id))
	return nil
}

// PutApp creates or replaces the app of a key.
func (u *update) PutApp(a *auth.App) error {
	_, err := u.exec(`INSERT INTO apps (key, account, name, disabled) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET account = excluded.account, name = excluded.name, disabled = excluded.disabled`,
		a.Key, int64(a.Account), a.Name, (a.Disabled))
	if err != nil {
		return explain("writing app", err)
	}
	u.announce(auth.ChangedOther, 0)
	return nil
}

// PutPolicy creates or replaces the policy of a name.
func (u *update) PutPolicy(p *auth.Policy) error {
	_, err := u.exec(`INSERT INTO policies (name, span, idle, uses, expire_on_new, never) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (name) DO UPDATE SET span = excluded.span, idle = excluded.idle, uses = excluded.uses,
			expire_on_new = excluded.expire_on_new, never = excluded.never`,
		p.Name, p.Span.Microseconds(), p.Idle.Microseconds(), int64(p.Uses), (p.ExpireOnNew), (p.Never))
	if err != nil {
		return explain("writing policy", err)
	}
	u.announce(auth.ChangedOther, 0)
	return nil
}

// announce notes what the commit tells: so the feed's turn is taken only then.
func (u *update) announce(kind auth.NoticeKind, id uint64) {
	u.kinds, u.ids = append(u.kinds, int16(kind)), append(u.ids, int64(id))
}

// refuseIf is auth.InUse when a query for what stands in the way finds a row: what it
// is, its id, and the key of an app.
func (u *update) refuseIf(what, query string, args ...any) error {
	use, found, err := one(u.ctx, u.tx, pgx.RowToStructByPos[auth.InUse], query, args...)
	if err == nil && found {
		err = &use
	}
	return explain("deleting "+what, err)
}

// remove deletes one record and announces it.
func (u *update) remove(what, query string, key any, kind auth.NoticeKind, id uint64) error {
	n, err := u.exec(query, key)
	if err == nil && n == 0 {
		err = auth.ErrNotFound
	}
	if err != nil {
		return explain("deleting "+what, err)
	}
	u.announce(kind, id)
	return nil
}

// DeleteAccount deletes an account in which nothing is left.
func (u *update) DeleteAccount(id auth.AccountID) error {
	err := u.refuseIf("account",
		`SELECT 'account', id, '' FROM accounts WHERE parent = $1 UNION ALL SELECT 'key', id, '' FROM keys WHERE account = $1
			UNION ALL SELECT 'user', id, '' FROM users WHERE account = $1 OR tenant = $1 UNION ALL SELECT 'app', 0, key FROM apps WHERE account = $1
			LIMIT 1`, int64(id))
	if err != nil {
		return err
	}
	return u.remove("account", "DELETE FROM accounts WHERE id = $1", int64(id), auth.ChangedAccount, uint64(id))
}

// DeleteKey deletes an API key and ends its sessions.
func (u *update) DeleteKey(id auth.PrincipalID) error {
	return u.removePrincipal("API key", "DELETE FROM keys WHERE id = $1", id)
}

// DeleteUser deletes a user and ends the sessions.
func (u *update) DeleteUser(id auth.PrincipalID) error {
	return u.removePrincipal("user", "DELETE FROM users WHERE id = $1", id)
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
	return u.remove("app", "DELETE FROM apps WHERE key = $1", key, auth.ChangedOther, 0)
}

// DeletePolicy deletes a policy that no key or user names.
func (u *update) DeletePolicy(name string) error {
	err := u.refuseIf("policy",
		"SELECT 'key', id, '' FROM keys WHERE policy = $1 AND policy <> '' UNION ALL SELECT 'user', id, '' FROM users WHERE policy = $1 AND policy <> '' LIMIT 1", name)
	if err != nil {
		return err
	}
	return u.remove("policy", "DELETE FROM policies WHERE name = $1", name, auth.ChangedOther, 0)
}

// End ends sessions as a write set's does.
func (u *update) End(e auth.End) (int, error) {
	if err := checkEnds([]auth.End{e}); err != nil {
		return 0, err
	}
	if !u.turn { // before the sessions, as a write set does
		if _, err := u.exec(takeFeed); err != nil {
			return 0, explain("ending sessions", err)
		}
		u.turn = true
	}
	query, args := endQuery(&e)
	n, _, err := one(u.ctx, u.tx, pgx.RowTo[int], query, args...)
	return n, explain("ending sessions", u.noted(err))
}

// Record adds an event to the audit batch of the transaction.
func (u *update) Record(e audit.Event) error {
	var entry auditEntry
	entry.encode([]audit.Event{e})
	u.audit.add(&entry)
	return nil
}

var _ auth.Tx = (*update)(nil)
