package admin

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

func wireKey(k *auth.Key) api.Key {
	out := api.Key{ID: int64(k.ID), Account: int64(k.Account), Name: k.Name, Policy: k.Policy, Expires: optional(k.Expires),
		Disabled: k.Disabled, Created: k.Created, LastUsed: optional(k.LastUsed), Power: wirePower(k.Role, k.Everywhere)}
	for _, n := range k.Networks {
		out.Networks = append(out.Networks, n.String())
	}
	return out
}

// networks reads an allow list: addresses and networks.
func networks(texts []string) (list []netip.Prefix, err error) {
	for i, t := range texts {
		n, err := netip.ParsePrefix(t)
		if a, addrErr := netip.ParseAddr(t); addrErr == nil && a.Zone() == "" {
			a = a.Unmap()
			n, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil || n.Addr().Is4In6():
			return nil, invalid("networks["+strconv.Itoa(i)+"]", "is not an address or a network: write it like 192.0.2.0/24")
		case n != n.Masked():
			return nil, invalid("networks["+strconv.Itoa(i)+"]", "has bits behind its length: %s is meant?", n.Masked())
		}
		list = append(list, n)
	}
	return list, nil
}

// key reads a key in the caller's reach.
func (c *call) key(v auth.Reader, id int64) (auth.Key, []auth.Account, error) {
	k, err := v.Key(auth.PrincipalID(id))
	var chain []auth.Account
	if err == nil {
		chain, err = c.account(v, int64(k.Account))
	}
	if err != nil {
		return k, nil, c.missing(fmt.Sprintf("key %d", id), err)
	}
	return k, chain, nil
}

// KeyList lists API keys.
func (a *Admin) KeyList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.MemberQuery) (out api.List[api.Key], err error) {
	c, err := a.begin(ctx, &api.KeyList.Operation, by, from)
	if err != nil {
		return out, err
	}
	last, n, err := after(&in.Page)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		scope, err := c.scope(v, in.Account, in.Direct)
		if err != nil {
			return err
		}
		list, err := v.PageKeys(scope, auth.PrincipalID(last), n)
		if err != nil {
			return err
		}
		out, err = paged(list, n, func(k *auth.Key) string { return number(k.ID) },
			func(k *auth.Key) (api.Key, error) { return wireKey(k), nil })
		return err
	})
	return out, err
}

// KeyShow shows an API key.
func (a *Admin) KeyShow(ctx context.Context, by *auth.Caller, from auth.Origin, in api.ByID) (out api.Key, err error) {
	c, err := a.begin(ctx, &api.KeyShow.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.view(ctx, func(v auth.Reader) error {
		k, _, err := c.key(v, in.ID)
		if err == nil {
			out = wireKey(&k)
		}
		return err
	})
	return out, err
}

// KeyCreate makes an API key. Its secret is in the answer and nowhere else.
func (a *Admin) KeyCreate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.NewKey) (out api.KeyWithSecret, err error) {
	c, err := a.begin(ctx, &api.KeyCreate.Operation, by, from)
	if err != nil {
		return out, err
	}
	rec := auth.Key{Account: auth.AccountID(in.Account), Name: in.Name, Policy: in.Policy, Created: instant(a.service.Now())}
	rec.Role, rec.Everywhere = power(in.Power)
	if rec.Networks, err = networks(in.Networks); err != nil {
		return out, err
	}
	if rec.Expires, err = a.expiry(in.Expires); err != nil {
		return out, err
	}
	secret := a.service.NewSecret(&rec)
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		rec.ID = 0
		chain, err := c.account(tx, in.Account)
		if err != nil {
			return err
		}
		about(e, chain, rec.Name)
		if err := c.putKey(tx, &rec); err != nil {
			return err
		}
		describeKey(e, &rec)
		return nil
	})
	if err != nil {
		return out, err
	}
	return api.KeyWithSecret{Key: wireKey(&rec), Secret: secret}, nil
}

// expiry reads when a key is to end; the zero time if that is not stated. One that is
// over would make a key that nobody can use, or end one without saying so.
func (a *Admin) expiry(at *time.Time) (time.Time, error) {
	switch {
	case at == nil:
		return time.Time{}, nil
	case !a.service.Now().Before(instant(*at)):
		return time.Time{}, invalid("expires", "is over already: state a time to come, or disable the key")
	}
	return instant(*at), nil
}

// putKey writes a key that the caller may make as it is.
func (c *call) putKey(tx auth.Tx, rec *auth.Key) error {
	if err := c.mayTouch(rec.Role, rec.Everywhere); err != nil {
		return err
	}
	if err := rec.Validate(); err != nil {
		return err
	}
	if err := checkPolicy(tx, rec.Policy); err != nil {
		return err
	}
	return tx.PutKey(rec)
}

func describeKey(e *audit.Event, k *auth.Key) {
	e.Detail = join(e.Detail, "key "+number(k.ID))
	begun(e, "policy", k.Policy)
	if len(k.Networks) > 0 {
		e.Detail = join(e.Detail, "networks: "+strings.Join(wireKey(k).Networks, " "))
	}
	begun(e, "expires", k.Expires)
	begun(e, "role", k.Role)
	begun(e, "everywhere", k.Everywhere)
}

// Overlaps of a rotation.
const (
	defaultOverlap = 7 * 24 * time.Hour
	maxOverlap     = 90 * 24 * time.Hour
)

// KeyRotate makes a key in place of another, which gets an end. Of two rotations of
// one key at once, one succeeds.
func (a *Admin) KeyRotate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.KeyRotation) (out api.KeyWithSecret, err error) {
	c, err := a.begin(ctx, &api.KeyRotate.Operation, by, from)
	if err != nil {
		return out, err
	}
	overlap := defaultOverlap
	if in.Overlap != nil {
		overlap = time.Duration(*in.Overlap)
	}
	if overlap < 0 || overlap > maxOverlap {
		return out, invalid("overlap", "is at most %s", api.Span(maxOverlap))
	}
	expires, err := a.expiry(in.Expires)
	if err != nil {
		return out, err
	}
	var secret string
	var old, fresh auth.Key
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		var chain []auth.Account
		if old, chain, err = c.key(tx, in.ID); err != nil {
			return err
		}
		about(e, chain, old.Name)
		now := instant(a.service.Now())
		until := now.Add(overlap)
		if err := rotatable(&old, now, until); err != nil {
			return err
		}
		fresh = successor(&old, now, expires)
		if fresh.Name, err = nextName(tx, &old, in.Name); err != nil {
			return err
		}
		secret = a.service.NewSecret(&fresh)
		if err := c.putKey(tx, &fresh); err != nil {
			return err
		}
		set(e, "expires", &old.Expires, &until)
		e.Detail = join(e.Detail, "replaced by "+strconv.Quote(fresh.Name))
		describeKey(e, &fresh)
		return tx.PutKey(&old)
	})
	if err != nil {
		return out, err
	}
	was := wireKey(&old)
	return api.KeyWithSecret{Key: wireKey(&fresh), Secret: secret, Old: &was}, nil
}

// rotatable refuses a key that is over, or will be before the overlap is: typically
// somebody else has just rotated it.
func rotatable(old *auth.Key, now, until time.Time) error {
	switch {
	case old.Disabled:
		return inTheWay("the key is disabled: create a new one")
	case old.Expires.IsZero() || old.Expires.After(until):
		return nil
	case !now.Before(old.Expires):
		return inTheWay("the key has expired: create a new one")
	}
	return inTheWay("the key ends at %s, before the overlap would: if somebody has rotated it already, use the new key; else state a shorter overlap",
		old.Expires.UTC().Format(time.RFC3339))
}

// successor is a key like the old one. One that was made to live for a time lives for
// as long.
func successor(old *auth.Key, now, expires time.Time) auth.Key {
	k := auth.Key{Account: old.Account, Policy: old.Policy, Networks: slices.Clone(old.Networks), Created: now,
		Role: old.Role, Everywhere: old.Everywhere}
	switch {
	case !expires.IsZero():
		k.Expires = expires
	case !old.Expires.IsZero():
		k.Expires = now.Add(old.Expires.Sub(old.Created))
	}
	return k
}

// nextName is the name of a successor: the one that is asked for, or the old one with
// the first number behind it that is free.
func nextName(v auth.Reader, old *auth.Key, asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	keys, err := v.Keys(old.Account)
	if err != nil {
		return "", err
	}
	base, n := old.Name, 2
	if at := strings.LastIndexByte(base, '-'); at > 0 {
		if of, err := strconv.Atoi(base[at+1:]); err == nil && of > 1 && of < 1_000_000 {
			base, n = base[:at], of+1
		}
	}
	for ; ; n++ {
		name := base + "-" + strconv.Itoa(n)
		if !slices.ContainsFunc(keys, func(k auth.Key) bool { return k.Name == name }) {
			return name, nil
		}
	}
}

// KeyUpdate changes an API key.
func (a *Admin) KeyUpdate(ctx context.Context, by *auth.Caller, from auth.Origin, in api.KeyChange) (out api.Key, err error) {
	c, err := a.begin(ctx, &api.KeyUpdate.Operation, by, from)
	if err != nil {
		return out, err
	}
	if in.NeverEnds && in.Expires != nil {
		return out, invalid("never_ends", "and expires cannot both be stated")
	}
	if _, err := a.expiry(in.Expires); err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		k, chain, err := c.key(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, k.Name)
		if err := c.mayTouch(k.Role, k.Everywhere); err != nil {
			return err
		}
		was := k.Disabled
		if err := alterKey(e, &k, &in); err != nil {
			return err
		}
		if err := c.putKey(tx, &k); err != nil {
			return err
		}
		if k.Disabled && !was {
			e.Count, err = tx.End(auth.End{Principal: k.ID})
		}
		out = wireKey(&k)
		return err
	})
	return out, err
}

func alterKey(e *audit.Event, k *auth.Key, in *api.KeyChange) error {
	set(e, "policy", &k.Policy, in.Policy)
	set(e, "disabled", &k.Disabled, in.Disabled)
	set(e, "role", &k.Role, (*auth.Role)(in.Role))
	set(e, "everywhere", &k.Everywhere, in.Everywhere)
	var expires *time.Time
	if in.Expires != nil || in.NeverEnds {
		expires = new(time.Time)
	}
	if in.Expires != nil {
		*expires = instant(*in.Expires)
	}
	set(e, "expires", &k.Expires, expires)
	if in.Networks == nil {
		return nil
	}
	list, err := networks(*in.Networks)
	if err != nil {
		return err
	}
	if !slices.Equal(list, k.Networks) {
		before := strings.Join(wireKey(k).Networks, " ")
		k.Networks = list
		e.Detail = join(e.Detail, "networks: ["+before+"] -> ["+strings.Join(wireKey(k).Networks, " ")+"]")
	}
	return nil
}

// KeyDelete deletes an API key and ends its sessions.
func (a *Admin) KeyDelete(ctx context.Context, by *auth.Caller, from auth.Origin, in api.Removal) (out api.Deleted, err error) {
	c, err := a.begin(ctx, &api.KeyDelete.Operation, by, from)
	if err != nil {
		return out, err
	}
	err = c.change(ctx, in.Why, func(tx auth.Tx, e *audit.Event) error {
		k, chain, err := c.key(tx, in.ID)
		if err != nil {
			return err
		}
		about(e, chain, k.Name)
		if err := c.mayTouch(k.Role, k.Everywhere); err != nil {
			return err
		}
		describeKey(e, &k)
		if e.Count, err = tx.End(auth.End{Principal: k.ID}); err != nil {
			return err
		}
		out.Ended = e.Count
		return tx.DeleteKey(k.ID)
	})
	return out, err
}
