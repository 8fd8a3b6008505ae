package postgres

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// records reads the nouns that administrators write. It is the [auth.Reader] of
// a View and a part of an Update.
type records struct {
	ctx context.Context //nolint:containedctx // Reader's methods have none: they live as long as the call that has
	tx  querier
}

// all runs a query and scans each row.
func all[T any](v records, scan func(pgx.CollectableRow) (T, error), query string, args ...any) ([]T, error) {
	if unspeakable(args) {
		return nil, nil
	}
	out, err := list(v.ctx, v.tx, scan, query, args...)
	return out, explain("reading records", err)
}

// single is all for the one row that there can be.
func single[T any](v records, what string, scan func(pgx.CollectableRow) (T, error), query string, args ...any) (T, error) {
	var none T
	out, err := all(v, scan, query, args...)
	switch {
	case err != nil:
		return none, err
	case len(out) == 0:
		return none, fmt.Errorf("postgres: %s: %w", what, auth.ErrNotFound)
	}
	return out[0], nil
}

// unspeakable says that an argument is text that PostgreSQL cannot hold, so that
// no row has it. Callers look up what outsiders sent.
func unspeakable(args []any) bool {
	for _, a := range args {
		if text, ok := a.(string); ok && (strings.Contains(text, "\x00") || !utf8.ValidString(text)) {
			return true
		}
	}
	return false
}

const selectAccounts = "SELECT id, tenant, parent, level, number, code, name, disabled, number_since, code_since FROM accounts "

func scanAccount(r pgx.CollectableRow) (a auth.Account, err error) {
	var parent *int64
	var numberSince, codeSince int64
	err = r.Scan(&a.ID, &a.Tenant, &parent, &a.Level, &a.Number, &a.Code, &a.Name, &a.Disabled, &numberSince, &codeSince)
	a.NumberSince, a.CodeSince = fromMicros(numberSince), fromMicros(codeSince)
	if parent != nil {
		a.Parent = auth.AccountID(*parent)
	}
	return a, err
}

// Account reads the account of an id.
func (v records) Account(id auth.AccountID) (auth.Account, error) {
	return single(v, "account", scanAccount, selectAccounts+"WHERE id = $1", int64(id))
}

// AccountByNumber reads the account of a number in a tenant.
func (v records) AccountByNumber(tenant auth.AccountID, number int64) (auth.Account, error) {
	return single(v, "account number", scanAccount, selectAccounts+"WHERE tenant = $1 AND number = $2 AND number <> 0", int64(tenant), number)
}

// AccountsByNumber reads the accounts of a number, whichever tenants'.
func (v records) AccountsByNumber(number int64, most int) ([]auth.Account, error) {
	return all(v, scanAccount, selectAccounts+"WHERE number = $1 AND number <> 0 ORDER BY id LIMIT $2", number, int64(most))
}

// AccountByCode reads the account of a code in a tenant, or the tenant of a code.
func (v records) AccountByCode(tenant auth.AccountID, code string) (auth.Account, error) {
	if tenant == 0 {
		return single(v, "tenant code", scanAccount, selectAccounts+"WHERE code = $1 AND level = 1", code)
	}
	return single(v, "account code", scanAccount, selectAccounts+"WHERE tenant = $1 AND code = $2 AND code <> ''", int64(tenant), code)
}

// AccountsByCode reads the accounts of a code, whichever tenants'.
func (v records) AccountsByCode(code string, most int) ([]auth.Account, error) {
	return all(v, scanAccount, selectAccounts+"WHERE code = $1 AND code <> '' ORDER BY id LIMIT $2", code, int64(most))
}

// Accounts reads the accounts right below one, or the tenants.
func (v records) Accounts(parent auth.AccountID) ([]auth.Account, error) {
	if parent == 0 {
		return all(v, scanAccount, selectAccounts+"WHERE parent IS NULL ORDER BY id")
	}
	return all(v, scanAccount, selectAccounts+"WHERE parent = $1 ORDER BY id", int64(parent))
}

const selectKeys = "SELECT id, account, name, digest, pepper, policy, networks, expires, disabled, created, last_used, role, everywhere FROM keys "

func scanKey(r pgx.CollectableRow) (k auth.Key, err error) {
	var sum []byte
	var networks string
	var expires, created, lastUsed int64
	err = r.Scan(&k.ID, &k.Account, &k.Name, &sum, &k.Pepper, &k.Policy, &networks, &expires, &k.Disabled, &created, &lastUsed, &k.Role, &k.Everywhere)
	k.Digest, k.Networks = digest(sum), parseNetworks(networks)
	k.Expires, k.Created, k.LastUsed = fromMicros(expires), fromMicros(created), fromMicros(lastUsed)
	return k, err
}

// Key reads the API key of an id.
func (v records) Key(id auth.PrincipalID) (auth.Key, error) {
	return single(v, "key", scanKey, selectKeys+"WHERE id = $1", int64(id))
}

// Keys reads the API keys of an account.
func (v records) Keys(account auth.AccountID) ([]auth.Key, error) {
	return all(v, scanKey, selectKeys+"WHERE account = $1 ORDER BY id", int64(account))
}

// KeyByDigest reads the API key whose secret has the digest.
func (v records) KeyByDigest(d secret.Digest) (auth.Key, error) {
	return single(v, "key of that secret", scanKey, selectKeys+"WHERE digest = $1", d[:])
}

const selectUsers = "SELECT id, tenant, account, name, password, active, admin, grp, rights, full_name, display_name, email, policy, last_sign_in, role, everywhere, factor, factor_step, name_since FROM users "

func scanUser(r pgx.CollectableRow) (u auth.User, err error) {
	var signIn, nameSince int64
	err = r.Scan(&u.ID, &u.Tenant, &u.Account, &u.Name, &u.Password, &u.Active, &u.Admin, &u.Group, &u.Rights, &u.FullName, &u.DisplayName,
		&u.Email, &u.Policy, &signIn, &u.Role, &u.Everywhere, &u.Factor, &u.FactorStep, &nameSince)
	u.LastSignIn, u.NameSince = fromMicros(signIn), fromMicros(nameSince)
	return u, err
}

// User reads the user of an id.
func (v records) User(id auth.PrincipalID) (auth.User, error) {
	return single(v, "user", scanUser, selectUsers+"WHERE id = $1", int64(id))
}

// UserByName reads the user of a login name in a tenant.
func (v records) UserByName(tenant auth.AccountID, name string) (auth.User, error) {
	return single(v, "user name", scanUser, selectUsers+"WHERE tenant = $1 AND name = $2", int64(tenant), name)
}

// UsersByName reads the users of a login name, whichever tenants'.
func (v records) UsersByName(name string, most int) ([]auth.User, error) {
	return all(v, scanUser, selectUsers+"WHERE name = $1 ORDER BY id LIMIT $2", name, int64(most))
}

// Users reads the users of an account.
func (v records) Users(account auth.AccountID) ([]auth.User, error) {
	return all(v, scanUser, selectUsers+"WHERE account = $1 ORDER BY id", int64(account))
}

const selectApps = "SELECT key, account, name, disabled FROM apps "

func scanApp(r pgx.CollectableRow) (a auth.App, err error) {
	err = r.Scan(&a.Key, &a.Account, &a.Name, &a.Disabled)
	return a, err
}

// App reads the app of an application key.
func (v records) App(key string) (auth.App, error) {
	return single(v, "app", scanApp, selectApps+"WHERE key = $1", key)
}

// Apps reads the apps of an account.
func (v records) Apps(account auth.AccountID) ([]auth.App, error) {
	return all(v, scanApp, selectApps+"WHERE account = $1 ORDER BY key", int64(account))
}

const selectPolicies = "SELECT name, span, idle, uses, expire_on_new, never FROM policies "

func scanPolicy(r pgx.CollectableRow) (p auth.Policy, err error) {
	var whole, idle int64
	err = r.Scan(&p.Name, &whole, &idle, &p.Uses, &p.ExpireOnNew, &p.Never)
	p.Span, p.Idle = span(whole), span(idle)
	return p, err
}

// Policy reads the policy of a name.
func (v records) Policy(name string) (auth.Policy, error) {
	return single(v, "policy", scanPolicy, selectPolicies+"WHERE name = $1", name)
}

const selectPeppers = "SELECT DISTINCT pepper FROM keys ORDER BY pepper"

// Peppers reads under which peppers there are keys.
func (v records) Peppers() ([]uint32, error) {
	return all(v, pgx.RowTo[uint32], selectPeppers)
}

// Policies reads all policies.
func (v records) Policies() ([]auth.Policy, error) {
	return all(v, scanPolicy, selectPolicies+"ORDER BY name")
}

// Networks are kept as text, separated by spaces.
func formatNetworks(list []netip.Prefix) string {
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(n.String())
	}
	return b.String()
}

// parseNetworks reads what formatNetworks wrote. A damaged entry becomes a
// network that contains nothing: leaving it out could leave an empty list,
// which means anywhere.
func parseNetworks(text string) (out []netip.Prefix) {
	for _, f := range strings.Fields(text) {
		n, _ := netip.ParsePrefix(f)
		out = append(out, n)
	}
	return out
}
