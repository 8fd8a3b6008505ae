package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
)

// GuardKey names what the guard counts: a claimed name or an address at one
// mount. It is a truncated hash, so that what an outsider claims takes the same
// room however long it is.
type GuardKey [16]byte

// String is the key in hexadecimal.
func (k GuardKey) String() string { return hex.EncodeToString(k[:]) }

// guardKey makes the key of what an attempt claims. Lengths are hashed too, so
// that no two names run together.
func guardKey(c claimed) GuardKey {
	var room [256]byte
	b := room[:0]
	for _, s := range [...]string{c.mount, c.kind, c.name} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	sum := sha256.Sum256(b)
	return GuardKey(sum[:16])
}

// claimed is what an entry counts, in parts so that a login that fails nothing
// makes no string.
type claimed struct{ mount, kind, name string }

// guarded is one thing an attempt is counted under.
type guarded struct {
	key      GuardKey
	who      claimed
	limits   Limits
	anchored bool
}

// guardedBy lists what an attempt is counted under: the name it claims, or the
// address when it claims none; and the address across all names if the mount
// says so. The order is the same for all attempts, so that two of them cannot
// wait for each other.
//
// An account with a number and a code is two names here. To count them as one it
// would have to be looked up before the guess is counted, so that attempts at a
// locked name cost the store something; twice the guesses at an API key are cheaper.
func guardedBy(a *Attempt) (list [2]guarded, n int) {
	add := func(kind, name string, l Limits, anchored bool) {
		if l.Failures > 0 {
			who := claimed{a.Mount.Name, kind, name}
			list[n] = guarded{guardKey(who), who, l, anchored}
			n++
		}
	}
	switch {
	case a.Scheme == AccountKey && a.Number > 0:
		add("account", strconv.FormatInt(a.Number, 10), a.Mount.Names, false)
	case a.Scheme == AccountKey && a.Code != "":
		add("account", clip(a.Code), a.Mount.Names, false)
	case a.Scheme == Password && a.User != "":
		add("user", clip(a.User), a.Mount.Names, false)
	default:
		add("nameless from", addressName(a.Origin.Source), a.Mount.Names, true)
	}
	add("address", addressName(a.Origin.Source), a.Mount.Addresses, true)
	return list, n
}

// clip keeps names of the guard short: two names that differ only after a
// kilobyte are one name to it.
func clip(name string) string {
	if len(name) > 1024 {
		return name[:1024]
	}
	return name
}

// addressName is what an address is counted under: an IPv6 client owns the
// whole /64 it is in and can send from any address of it.
func addressName(a netip.Addr) string {
	n := network(a)
	if n.Is6() {
		return netip.PrefixFrom(n, 64).String()
	}
	return n.String()
}

// network is the address, of IPv6 the first of its /64.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
