package auth

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/secret"
)

// What the directory reads from the store: who an attempt may mean, and who a
// principal is.

// maxNamesakes bounds of how many tenants an attempt may mean somebody that names none.
const maxNamesakes = 64

var errNamesakes = fmt.Errorf("more than %d have the name: %w", maxNamesakes, ErrConflict)

// readRecord reads everybody an attempt may mean.
func readRecord(v Reader, k recordKey) (*record, []*Identity, error) {
	g := gathering{v: v}
	if k.tenant != "" {
		t, err := v.AccountByCode(0, k.tenant)
		if err != nil {
			return nil, nil, fmt.Errorf("tenant %q of the mount: %w", k.tenant, err)
		}
		g.tenant = t.ID
	}
	var err error
	switch k.scheme {
	case AccountKey:
		err = g.accounts(k)
	case BareKey:
		var key Key
		if key, err = v.KeyByDigest(secret.Digest([]byte(k.name))); err == nil {
			err = g.add(key.Account, []Key{key}, nil)
		}
	case Password:
		err = g.users(k)
	default:
		err = fmt.Errorf("%w: attempt without a scheme", ErrInvalid)
	}
	if err != nil {
		return nil, nil, err
	}
	return &g.record, g.people, nil
}

// gathering is a record that is being read.
type gathering struct {
	v      Reader
	tenant AccountID // 0: of any
	record record
	people []*Identity
}

// accounts gathers the keys of whatever accounts the attempt may name.
func (g *gathering) accounts(k recordKey) error {
	list, err := g.bearers(k)
	if err != nil {
		return err
	}
	g.record.shared = len(list) > 1
	for i := range list {
		keys, err := g.v.Keys(list[i].ID)
		if err != nil {
			return err
		}
		if err := g.add(list[i].ID, keys, nil); err != nil {
			return err
		}
	}
	return nil
}

// bearers are the accounts of a name: in a tenant that of the number, else that of the
// code. Where no tenant is named, all that have the one or the other in any: if one went
// before another, or several were nobody, whoever may name accounts in one tenant could
// shut out those of all others.
func (g *gathering) bearers(k recordKey) (list []Account, err error) {
	if g.tenant == 0 {
		list, err = namesakes(g.v, k.number, k.name)
		switch {
		case err != nil:
			return nil, err
		case len(list) == 0:
			return nil, fmt.Errorf("account of any tenant: %w", ErrNotFound)
		case len(list) > maxNamesakes:
			return nil, errNamesakes
		}
		return list, nil
	}
	var a Account
	if k.number > 0 {
		a, err = g.v.AccountByNumber(g.tenant, k.number)
	}
	if k.number == 0 || (errors.Is(err, ErrNotFound) && k.name != "") {
		a, err = g.v.AccountByCode(g.tenant, k.name)
	}
	return []Account{a}, err
}

// namesakes are the accounts of any tenant that have a number or a code, each once. If
// there are more than maxNamesakes, some are missing, but not so many that it does not show.
func namesakes(v Reader, number int64, code string) ([]Account, error) {
	list, err := v.AccountsByNumber(number, maxNamesakes+1)
	if err != nil {
		return nil, err
	}
	coded, err := v.AccountsByCode(code, maxNamesakes+1)
	if err != nil {
		return nil, err
	}
	for i := range coded {
		if !slices.ContainsFunc(list, func(a Account) bool { return a.ID == coded[i].ID }) {
			list = append(list, coded[i])
		}
	}
	return list, nil
}

// users gathers who has a user name.
func (g *gathering) users(k recordKey) error {
	var list []User
	var err error
	if g.tenant == 0 {
		list, err = g.v.UsersByName(k.name, maxNamesakes+1)
	} else {
		list = make([]User, 1)
		list[0], err = g.v.UserByName(g.tenant, k.name)
	}
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return fmt.Errorf("user of any tenant: %w", ErrNotFound)
	case len(list) > maxNamesakes:
		return errNamesakes
	}
	for i := range list {
		if err := g.add(list[i].Account, nil, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// add takes up keys of an account, or one user in it.
func (g *gathering) add(account AccountID, keys []Key, user *User) error {
	chain, err := readChain(g.v, account)
	if err != nil {
		return err
	}
	if g.tenant != 0 && chain[0].ID != g.tenant {
		return fmt.Errorf("of another tenant: %w", ErrNotFound)
	}
	if user != nil {
		return g.candidate(chain, candidate{principal: user.ID, user: user}, user.Policy)
	}
	for i := range keys {
		if err := g.candidate(chain, candidate{principal: keys[i].ID, key: &keys[i]}, keys[i].Policy); err != nil {
			return err
		}
	}
	return nil
}

// candidate takes up a key or user of the account at the end of a chain.
func (g *gathering) candidate(chain []Account, c candidate, policy string) error {
	c.disabled = anyDisabled(chain)
	if policy != "" {
		p, err := g.v.Policy(policy)
		if err != nil {
			return fmt.Errorf("policy %q: %w", policy, err)
		}
		c.policy = &p
	}
	if !c.disabled && c.enabled() {
		c.who = newIdentity(chain, c.key, c.user)
		g.people = append(g.people, c.who)
	}
	g.record.candidates = append(g.record.candidates, c)
	return nil
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
