package sqlite

import (
	"database/sql/driver"
	"fmt"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// records reads the nouns that administrators write. It is the [auth.Reader] of
// a View and a part of an Update.
type records struct{ c *conn }

// list runs a query and scans each row.
func list[T any](c *conn, scan func(row) T, query string, args ...driver.Value) (out []T, err error) {
	err = c.query(func(r row) error {
		out = append(out, scan(r))
		return nil
	}, query, args...)
	return out, explain("reading records", err)
}

// single is list for the one row that there can be.
func single[T any](c *conn, what string, scan func(row) T, query string, args ...driver.Value) (T, error) {
	var none T
	out, err := list(c, scan, query, args...)
	switch {
	case err != nil:
		return none, err
	case len(out) == 0:
		return none, fmt.Errorf("sqlite: %s: %w", what, auth.ErrNotFound)
	}
	return out[0], nil
}

const selectAccounts = "SELECT id, tenant, parent, level, number, code, name, disabled, number_since, code_since FROM accounts "

func scanAccount(r row) auth.Account {
	return auth.Account{ID: auth.AccountID(r.int(0)), Tenant: auth.AccountID(r.int(1)), Parent: auth.AccountID(r.int(2)),
		Level: auth.Level(r.int(3)), Number: r.int(4), Code: r.text(5), Name: r.text(6), Disabled: r.bool(7),
		NumberSince: r.time(8), CodeSince: r.time(9)}
}

// Account reads the account of an id.
func (v records) Account(id auth.AccountID) (auth.Account, error) {
	return single(v.c, "account", scanAccount, selectAccounts+"WHERE id = ?", int64(id))
}

// AccountByNumber reads the account of a number in a tenant.
func (v records) AccountByNumber(tenant auth.AccountID, number int64) (auth.Account, error) {
	return single(v.c, "account number", scanAccount, selectAccounts+"WHERE tenant = ? AND number = ? AND number <> 0", int64(tenant), number)
}

// AccountsByNumber reads the accounts of a number, whichever tenants'.
func (v records) AccountsByNumber(number int64, most int) ([]auth.Account, error) {
	return list(v.c, scanAccount, selectAccounts+"WHERE number = ? AND number <> 0 ORDER BY id LIMIT ?", number, int64(most))
}

// AccountByCode reads the account of a code in a tenant, or the tenant of a code.
func (v records) AccountByCode(tenant auth.AccountID, code string) (auth.Account, error) {
	if tenant == 0 {
		return single(v.c, "tenant code", scanAccount, selectAccounts+"WHERE code = ? AND level = 1", code)
	}
	return single(v.c, "account code", scanAccount, selectAccounts+"WHERE tenant = ? AND code = ? AND code <> ''", int64(tenant), code)
}

// AccountsByCode reads the accounts of a code, whichever tenants'.
func (v records) AccountsByCode(code string, most int) ([]auth.Account, error) {
	return list(v.c, scanAccount, selectAccounts+"WHERE code = ? AND code <> '' ORDER BY id LIMIT ?", code, int64(most))
}

// Accounts reads the accounts right below one, or the tenants.
func (v records) Accounts(parent auth.AccountID) ([]auth.Account, error) {
	if parent == 0 {
		return list(v.c, scanAccount, selectAccounts+"WHERE parent IS NULL ORDER BY id")
	}
	return list(v.c, scanAccount, selectAccounts+"WHERE parent = ? ORDER BY id", int64(parent))
}

const selectKeys = "SELECT id, account, name, digest, pepper, policy, networks, expires, disabled, created, last_used, role, everywhere FROM keys "

func scanKey(r row) auth.Key {
	return auth.Key{ID: auth.PrincipalID(r.int(0)), Account: auth.AccountID(r.int(1)), Name: r.text(2), Digest: digest(r.blob(3)),
		Pepper: uint32(r.int(4)), Policy: r.text(5), Networks: parseNetworks(r.text(6)), Expires: r.time(7), Disabled: r.bool(8),
		Created: r.time(9), LastUsed: r.time(10), Role: auth.Role(r.text(11)), Everywhere: r.bool(12)}
}

// Key reads the API key of an id.
func (v records) Key(id auth.PrincipalID) (auth.Key, error) {
	return single(v.c, "key", scanKey, selectKeys+"WHERE id = ?", int64(id))
}

// Keys reads the API keys of an account.
func (v records) Keys(account auth.AccountID) ([]auth.Key, error) {
	return list(v.c, scanKey, selectKeys+"WHERE account = ? ORDER BY id", int64(account))
}

// KeyByDigest reads the API key whose secret has the digest.
func (v records) KeyByDigest(d secret.Digest) (auth.Key, error) {
	return single(v.c, "key of that secret", scanKey, selectKeys+"WHERE digest = ?", d[:])
}

const selectUsers = "SELECT id, tenant, account, name, password, active, admin, grp, rights, full_name, display_name, email, policy, last_sign_in, role, everywhere, factor, factor_step, name_since FROM users "

func scanUser(r row) auth.User {
	return auth.User{ID: auth.PrincipalID(r.int(0)), Tenant: auth.AccountID(r.int(1)), Account: auth.AccountID(r.int(2)), Name: r.text(3),
		Password: r.text(4), Active: r.bool(5), Admin: r.bool(6), Group: r.text(7), Rights: r.int(8), FullName: r.text(9),
		DisplayName: r.text(10), Email: r.text(11), Policy: r.text(12), LastSignIn: r.time(13), Role: auth.Role(r.text(14)), Everywhere: r.bool(15),
		Factor: r.text(16), FactorStep: r.int(17), NameSince: r.time(18)}
}

// User reads the user of an id.
func (v records) User(id auth.PrincipalID) (auth.User, error) {
	return single(v.c, "user", scanUser, selectUsers+"WHERE id = ?", int64(id))
}

// UserByName reads the user of a login name in a tenant.
func (v records) UserByName(tenant auth.AccountID, name string) (auth.User, error) {
	return single(v.c, "user name", scanUser, selectUsers+"WHERE tenant = ? AND name = ?", int64(tenant), name)
}

// UsersByName reads the users of a login name, whichever tenants'.
func (v records) UsersByName(name string, most int) ([]auth.User, error) {
	return list(v.c, scanUser, selectUsers+"WHERE name = ? ORDER BY id LIMIT ?", name, int64(most))
}

// Users reads the users of an account.
func (v records) Users(account auth.AccountID) ([]auth.User, error) {
	return list(v.c, scanUser, selectUsers+"WHERE account = ? ORDER BY id", int64(account))
}

const selectApps = "SELECT key, account, name, disabled FROM apps "

func scanApp(r row) auth.App {
	return auth.App{Key: r.text(0), Account: auth.AccountID(r.int(1)), Name: r.text(2), Disabled: r.bool(3)}
}

// App reads the app of an application key.
func (v records) App(key string) (auth.App, error) {
	return single(v.c, "app", scanApp, selectApps+"WHERE key = ?", key)
}

// Apps reads the apps of an account.
func (v records) Apps(account auth.AccountID) ([]auth.App, error) {
	return list(v.c, scanApp, selectApps+"WHERE account = ? ORDER BY key", int64(account))
}

const selectPolicies = "SELECT name, span, idle, uses, expire_on_new, never FROM policies "

func scanPolicy(r row) auth.Policy {
	return auth.Policy{Name: r.text(0), Span: r.duration(1), Idle: r.duration(2), Uses: int(r.int(3)), ExpireOnNew: r.bool(4), Never: r.bool(5)}
}

// Policy reads the policy of a name.
func (v records) Policy(name string) (auth.Policy, error) {
	return single(v.c, "policy", scanPolicy, selectPolicies+"WHERE name = ?", name)
}

// Peppers reads under which peppers there are keys.
func (v records) Peppers() ([]uint32, error) {
	return list(v.c, func(r row) uint32 { return uint32(r.int(0)) }, "SELECT DISTINCT pepper FROM keys ORDER BY pepper")
}

// Policies reads all policies.
func (v records) Policies() ([]auth.Policy, error) {
	return list(v.c, scanPolicy, selectPolicies+"ORDER BY name")
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
