package dialect

import (
	"fmt"
	"slices"
	"strings"
)

// table is what is mounted at one host. It is made once and only read.
type table struct {
	exact  map[string]*route // by path
	folded map[string]*route // by lower-case path
	trees  []tree            // longest path first
	covers []cover           // longest prefix first
	homes  []home            // longest path first
}

// home is where a mount's endpoints stand: the path of one, or the folder that it
// is in, unless that is the mount's whole prefix.
type home struct {
	low       string // in lower case
	at        *Mounted
	contested bool // a mount of another dialect has endpoints there too
}

// tree is an endpoint that also answers what lies below it.
type tree struct {
	low   string // its path in lower case
	route *route
}

// cover is a prefix, all mounts whose prefix it is or lies below, and all others.
type cover struct {
	prefix string // lower-case
	mounts []Mounted
	others []Mounted
}

// tables makes the table of every host that a mount names, and the one of all
// others. A mount without hosts is in each of them.
func tables(mounts []*mounting) (everyone *table, named map[string]*table, err error) {
	at := func(host string) (*table, error) {
		var here []*mounting
		for _, m := range mounts {
			if len(m.hosts) == 0 || slices.Contains(m.hosts, host) {
				here = append(here, m)
			}
		}
		return newTable(host, here)
	}
	if everyone, err = at(""); err != nil {
		return nil, nil, err
	}
	named = make(map[string]*table)
	for _, m := range mounts {
		for _, h := range m.hosts {
			if named[h], err = at(h); err != nil {
				return nil, nil, err
			}
		}
	}
	return everyone, named, nil
}

func newTable(host string, mounts []*mounting) (*table, error) {
	t := &table{exact: make(map[string]*route), folded: make(map[string]*route)}
	claimed := make(map[string][]*route) // by lower-case path
	for _, m := range mounts {
		for _, rt := range m.routes {
			for _, path := range rt.paths() {
				low := lower(path)
				for _, other := range claimed[low] {
					if rt.fold || other.fold || slices.Contains(other.paths(), path) {
						return nil, conflict(host, path, other, rt)
					}
				}
				claimed[low] = append(claimed[low], rt)
				t.settle(low, &m.Mounted)
				if folder := low[:strings.LastIndexByte(low, '/')]; len(folder) > len(m.Prefix) {
					t.settle(folder, &m.Mounted)
				}
				if rt.fold {
					t.folded[low] = rt
				} else {
					t.exact[path] = rt
				}
			}
			if rt.subtree {
				t.trees = append(t.trees, tree{lower(strings.TrimSuffix(rt.path, "/")), rt})
			}
		}
	}
	slices.SortStableFunc(t.trees, func(a, b tree) int { return len(b.low) - len(a.low) })
	slices.SortStableFunc(t.homes, func(a, b home) int { return len(b.low) - len(a.low) })
	t.covers = newCovers(mounts)
	return t, nil
}

// settle notes that a mount has endpoints at a path or in a folder.
func (t *table) settle(low string, at *Mounted) {
	for i := range t.homes {
		if h := &t.homes[i]; h.low == low {
			h.contested = h.contested || h.at.Mount.Dialect != at.Mount.Dialect
			return
		}
	}
	t.homes = append(t.homes, home{low: low, at: at})
}

func conflict(host, path string, a, b *route) error {
	if host == "" {
		host = "any host"
	}
	return fmt.Errorf("%w: %s at %s is claimed by dialect %s (mount %q) and by dialect %s (mount %q): give one of them other hosts or another prefix",
		ErrClaimed, path, host, a.at.Mount.Dialect, a.at.Mount.Name, b.at.Mount.Dialect, b.at.Mount.Name)
}

// newCovers works out, for each prefix in use, which mounts cover what lies
// below it. The prefixes that cover one path lie below each other, so the longest
// of them knows all.
func newCovers(mounts []*mounting) []cover {
	var covers []cover
	for _, m := range mounts {
		p := lower(m.Prefix)
		if !slices.ContainsFunc(covers, func(c cover) bool { return c.prefix == p }) {
			covers = append(covers, cover{prefix: p})
		}
	}
	byLength := func(a, b string) int { return len(b) - len(a) }
	slices.SortStableFunc(covers, func(a, b cover) int { return byLength(a.prefix, b.prefix) })
	for i := range covers {
		for _, m := range mounts {
			if below(covers[i].prefix, lower(m.Prefix)) {
				covers[i].mounts = append(covers[i].mounts, m.Mounted)
			} else {
				covers[i].others = append(covers[i].others, m.Mounted)
			}
		}
		slices.SortStableFunc(covers[i].mounts, func(a, b Mounted) int { return byLength(a.Prefix, b.Prefix) })
	}
	return covers
}

func (t *table) route(path string) *route {
	if rt, ok := t.exact[path]; ok {
		return rt
	}
	if rt, ok := t.folded[lower(path)]; ok {
		return rt
	}
	for _, at := range t.trees {
		if below(path, at.low) && (at.route.fold || strings.HasPrefix(path, at.route.path)) {
			return at.route
		}
	}
	return nil
}

func (t *table) covering(path string) []Mounted {
	if c := t.cover(path); c != nil {
		return c.mounts
	}
	return nil
}

// elsewhere is for paths that some mount covers: for others there are no calls.
func (t *table) elsewhere(path string) []Mounted {
	if c := t.cover(path); c != nil {
		return c.others
	}
	return nil
}

func (t *table) cover(path string) *cover {
	for i := range t.covers {
		if c := &t.covers[i]; below(path, c.prefix) {
			return c
		}
	}
	return nil
}

// below says whether path is prefix or lies below it. The prefix is lower-case;
// the path's case does not matter, because a mount that is asked for a token in
// vain costs less than a call that slips by it.
func below(path, prefix string) bool {
	n := len(prefix)
	return len(path) >= n && (len(path) == n || path[n] == '/') && equalFold(path[:n], prefix)
}

// normalHost is a host without port and final dot, in lower case. It does not
// allocate for what is lower-case already.
func normalHost(h string) string {
	if strings.HasPrefix(h, "[") {
		if end := strings.IndexByte(h, ']'); end > 0 {
			return lower(h[1:end])
		}
	} else if i := strings.IndexByte(h, ':'); i >= 0 && i == strings.LastIndexByte(h, ':') {
		h = h[:i]
	}
	return lower(strings.TrimSuffix(h, "."))
}

// lower folds ASCII letters only: no other letter may become one of them.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				b[i] = lowerByte(b[i])
			}
			return string(b)
		}
	}
	return s
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// equalFold compares with the ASCII letters of s folded; low is lower-case.
func equalFold(s, low string) bool {
	if len(s) != len(low) {
		return false
	}
	for i := range len(s) {
		if lowerByte(s[i]) != low[i] {
			return false
		}
	}
	return true
}
