package auth

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/secret"
)

// What the directory reads from the store: who an attempt may mean, and who a
// principal is.

// readRecord reads everybody an attempt may mean.
func readRecord(v Reader, k recordKey) (*record, []*Identity, error) {
	var tenant AccountID
	if k.tenant != "" {
		t, err := v.AccountByCode(0, k.tenant)
		if err != nil {
			return nil, nil, fmt.Errorf("tenant %q of the mount: %w", k.tenant, err)
		}
		tenant = t.ID
	}
	switch k.scheme {
	case AccountKey:
		return readAccount(v, tenant, k)
	case BareKey:
		key, err := v.KeyByDigest(secret.Digest([]byte(k.name)))
		if err != nil {
			return nil, nil, err
		}
		return readCandidates(v, tenant, key.Account, []Key{key}, nil)
	case Password:
		u, err := v.UserByName(tenant, k.name)
		if err != nil {
			return nil, nil, err
		}
		return readCandidates(v, tenant, u.Account, nil, &u)
	}
	return nil, nil, fmt.Errorf("%w: attempt without a scheme", ErrInvalid)
}

func readAccount(v Reader, tenant AccountID, k recordKey) (*record, []*Identity, error) {
	var a Account
	var err error
	if k.number > 0 {
		a, err = v.AccountByNumber(tenant, k.number)
	}
	if k.number == 0 || (errors.Is(err, ErrNotFound) && k.name != "") {
		a, err = v.AccountByCode(tenant, k.name)
		if tenant == 0 && errors.Is(err, ErrNotFound) {
			a, err = v.AccountByAnyCode(k.name)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	keys, err := v.Keys(a.ID)
	if err != nil {
		return nil, nil, err
	}
	return readCandidates(v, tenant, a.ID, keys, nil)
}

// readCandidates makes the record of an account's keys or of one user in it.
func readCandidates(v Reader, tenant, account AccountID, keys []Key, user *User) (*record, []*Identity, error) {
	chain, err := readChain(v, account)
	if err != nil {
		return nil, nil, err
	}
	if tenant != 0 && chain[0].ID != tenant {
		return nil, nil, fmt.Errorf("of another tenant: %w", ErrNotFound)
	}
	r := &record{account: account}
	var people []*Identity
	add := func(c candidate, policy string) error {
		c.disabled = anyDisabled(chain)
		if policy != "" {
			p, err := v.Policy(policy)
			if err != nil {
				return fmt.Errorf("policy %q: %w", policy, err)
			}
			c.policy = &p
		}
		if !c.disabled && c.enabled() {
			c.who = newIdentity(chain, c.key, c.user)
			people = append(people, c.who)
		}
		r.candidates = append(r.candidates, c)
		return nil
	}
	if user != nil {
		if err := add(candidate{principal: user.ID, user: user}, user.Policy); err != nil {
			return nil, nil, err
		}
	}
	for i := range keys {
		if err := add(candidate{principal: keys[i].ID, key: &keys[i]}, keys[i].Policy); err != nil {
			return nil, nil, err
		}
	}
	return r, people, nil
}

// readIdentity reads a principal that may have sessions: it is enabled, and so
// is every account above it.
func readIdentity(v Reader, id PrincipalID) (*Identity, error) {
	p, enabled, err := readPrincipal(v, id)
	if err == nil && !enabled {
		err = fmt.Errorf("key or user %d is disabled: %w", id, ErrNotFound)
	}
	return p, err
}

// readAnyIdentity reads a principal whether it is enabled or not.
func readAnyIdentity(v Reader, id PrincipalID) (*Identity, error) {
	p, _, err := readPrincipal(v, id)
	return p, err
}

func readPrincipal(v Reader, id PrincipalID) (*Identity, bool, error) {
	c := candidate{principal: id}
	var account AccountID
	key, err := v.Key(id)
	switch {
	case err == nil:
		c.key, account = &key, key.Account
	case errors.Is(err, ErrNotFound):
		user, err := v.User(id)
		if err != nil {
			return nil, false, err
		}
		c.user, account = &user, user.Account
	default:
		return nil, false, err
	}
	chain, err := readChain(v, account)
	if err != nil {
		return nil, false, err
	}
	return newIdentity(chain, c.key, c.user), c.enabled() && !anyDisabled(chain), nil
}

// readChain reads an account and all above it, the tenant first.
func readChain(v Reader, id AccountID) ([]Account, error) {
	chain := make([]Account, 0, Division)
	for id != 0 {
		a, err := v.Account(id)
		if err != nil {
			return nil, fmt.Errorf("account %d: %w", id, err)
		}
		if len(chain) == int(Division) {
			return nil, fmt.Errorf("%w: account %d has too many above it", ErrInvalid, id)
		}
		chain = append([]Account{a}, chain...)
		id = a.Parent
	}
	return chain, nil
}

func anyDisabled(chain []Account) bool {
	for i := range chain {
		if chain[i].Disabled {
			return true
		}
	}
	return false
}

func newIdentity(chain []Account, key *Key, user *User) *Identity {
	p := &Identity{Account: chain[len(chain)-1], Tenant: chain[0]}
	for i := range chain {
		p.Path = append(p.Path, chain[i].ID)
		p.PathRefs = append(p.PathRefs, chain[i].Ref())
	}
	p.AccountRef = p.Account.Ref()
	if user != nil {
		u := *user
		p.HasFactor = u.Factor != ""
		u.Password, u.Factor = "", ""
		p.User, p.Principal, p.Subject = &u, user.ID, user.Name
		p.Role, p.Everywhere = user.Role, user.Everywhere
	} else {
		p.Principal, p.Subject = key.ID, key.Name
		p.Role, p.Everywhere, p.until = key.Role, key.Everywhere, key.Expires
	}
	return p
}
