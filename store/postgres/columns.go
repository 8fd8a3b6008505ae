package postgres

import "github.com/sallyport/sallyport/auth"

// Rows travel as one array for each column.

// changeColumns are the arguments of countFailures.
type changeColumns struct {
	set                            []int32
	key, name                      [][]byte
	known                          []bool
	failures, last, locked, forget []int64
	wasFailures, wasLast, wasUntil []int64
}

func (c *changeColumns) add(set int, g *auth.GuardChange) {
	c.set, c.key, c.name, c.known = append(c.set, int32(set)), append(c.key, g.Key[:]), append(c.name, []byte(g.Name)), append(c.known, g.Known)
	c.failures, c.last = append(c.failures, int64(g.Failures)), append(c.last, micros(g.Last))
	c.locked, c.forget = append(c.locked, micros(g.Locked)), append(c.forget, micros(g.Forget))
	c.wasFailures, c.wasLast, c.wasUntil = append(c.wasFailures, int64(g.Was.Failures)), append(c.wasLast, micros(g.Was.Last)), append(c.wasUntil, micros(g.Was.Locked))
}

func (c *changeColumns) args() []any {
	return []any{c.set, c.key, c.name, c.known, c.failures, c.last, c.locked, c.forget, c.wasFailures, c.wasLast, c.wasUntil}
}

// passColumns are half of the arguments of passLocks.
type passColumns struct {
	set []int32
	key [][]byte
	at  []int64
}

func (c *passColumns) add(set int, p *auth.Pass) {
	c.set, c.key, c.at = append(c.set, int32(set)), append(c.key, p.Key[:]), append(c.at, micros(p.At))
}

// takeColumns are the arguments of takeAllowances.
type takeColumns struct {
	set             []int32
	key             [][]byte
	most, at, until []int64
}

func (c *takeColumns) add(set int, t *auth.Take) {
	c.set, c.key, c.most = append(c.set, int32(set)), append(c.key, t.Key[:]), append(c.most, int64(t.Most))
	c.at, c.until = append(c.at, micros(t.At)), append(c.until, micros(t.Until))
}

// signInColumns are the arguments of signIn.
type signInColumns struct {
	set            []int32
	user, at, step []int64
}

func (c *signInColumns) add(set int, s *auth.SignIn) {
	c.set, c.user, c.at, c.step = append(c.set, int32(set)), append(c.user, int64(s.User)), append(c.at, micros(s.At)), append(c.step, s.Step)
}

// sessionColumns are the arguments of insertSessions.
func sessionColumns(rows []*auth.SessionRow) []any {
	const longs = 7
	n := len(rows)
	long := make([]int64, longs*n)
	uses, expire := make([]int32, n), make([]bool, n)
	digests, sources, attrs := make([][]byte, n), make([][]byte, n), make([][]byte, n)
	dialects, apps := make([]string, n), make([]string, n)
	for i, r := range rows {
		for j, v := range [longs]int64{int64(r.ID), micros(r.Ends), int64(r.Principal), micros(r.Issued), micros(r.Cap), r.Idle.Microseconds(), int64(r.Capped)} {
			long[j*n+i] = v
		}
		uses[i], expire[i] = int32(r.Uses), r.ExpireOnNew
		digests[i], sources[i], attrs[i] = r.Digest[:], addrBytes(r.Source), []byte(r.Attrs)
		dialects[i], apps[i] = r.Dialect, r.App
	}
	args := make([]any, 0, longs+7)
	for j := range longs {
		args = append(args, long[j*n:(j+1)*n])
	}
	return append(args, uses, expire, digests, dialects, apps, sources, attrs)
}

// handOffColumns are the arguments of insertHandOffs.
func handOffColumns(rows []*auth.HandOffRow) []any {
	n := len(rows)
	ids, principals, issued, expires := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	digests, attrs, dialects := make([][]byte, n), make([][]byte, n), make([]string, n)
	for i, h := range rows {
		ids[i], principals[i], issued[i], expires[i] = int64(h.ID), int64(h.Principal), micros(h.Issued), micros(h.Expires)
		digests[i], attrs[i], dialects[i] = h.Digest[:], []byte(h.Attrs), h.Dialect
	}
	return []any{ids, digests, principals, dialects, attrs, issued, expires}
}
