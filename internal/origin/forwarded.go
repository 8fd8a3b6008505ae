package origin

import (
	"net/netip"
	"strings"
)

// maxHops bounds how many entries of X-Forwarded-For are looked at. Every one
// but the last was written by a trusted proxy, and nobody has this many.
const maxHops = 32

// client walks X-Forwarded-For from the right, where the nearest proxy wrote,
// and returns the first address that is no trusted proxy: what stands left of it
// is what that client claims. If an entry is no address, the proxy that passed
// it on is as far as anything is known.
func (o *Resolver) client(nearest netip.Addr, lines []string) netip.Addr {
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		var entry string
		for rest, more := lines[i], true; more; {
			rest, entry, more = cutLast(rest)
			if hops++; hops > maxHops {
				return nearest
			}
			a, ok := address(entry)
			if !ok {
				return nearest
			}
			nearest = a
			if !o.Trusts(a) {
				return a
			}
		}
	}
	return nearest
}

// cutLast splits off the last entry of a list.
func cutLast(list string) (rest, entry string, more bool) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		return list[:i], list[i+1:], true
	}
	return "", list, false
}

// longestEntry is an IPv6 address in full with brackets and port. Longer ones
// are not parsed.
const longestEntry = len("[0000:0000:0000:0000:0000:ffff:255.255.255.255]:65535")

// address reads an entry, an address with or without a port, as some proxies
// write one.
func address(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	if entry == "" || len(entry) > longestEntry {
		return netip.Addr{}, false
	}
	portless := entry[0] != '[' && (strings.Count(entry, ":") != 1)
	if portless {
		a, err := netip.ParseAddr(entry)
		return a.Unmap().WithZone(""), err == nil
	}
	if entry[len(entry)-1] == ']' {
		a, err := netip.ParseAddr(entry[1 : len(entry)-1])
		return a.Unmap().WithZone(""), err == nil
	}
	ap, err := netip.ParseAddrPort(entry)
	return ap.Addr().Unmap().WithZone(""), err == nil
}
