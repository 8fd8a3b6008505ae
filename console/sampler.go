package console

import (
	"cmp"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/auth"
)

// minutes is how many samples are kept: the last hour.
const minutes = 60

// figures are what is counted of a mount. Checks that found nothing are not: where
// mounts share a path, each call is looked at by all of them, and most find nothing.
type figures struct{ logins, refusals, checks uint64 }

func (a figures) minus(b figures) figures {
	return figures{a.logins - min(a.logins, b.logins), a.refusals - min(a.refusals, b.refusals), a.checks - min(a.checks, b.checks)}
}

func (a figures) plus(b figures) figures {
	return figures{a.logins + b.logins, a.refusals + b.refusals, a.checks + b.checks}
}

// sampler remembers what was counted in each of the last minutes. Mounts are those of
// the configuration, so they are few.
type sampler struct {
	mu   sync.Mutex
	last map[mountID]figures // the counters at the last sample
	past []map[mountID]figures
}

type mountID struct{ mount, dialect string }

// read makes figures of counters.
func read(s auth.Stats) map[mountID]figures {
	now := map[mountID]figures{}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		f := figures{logins: m.Logins[""], checks: m.Checks[""]}
		for reason, n := range m.Logins {
			if reason != "" {
				f.refusals += n
			}
		}
		now[mountID{m.Mount, m.Dialect}] = f
	}
	return now
}

// since is what was counted after the last sample.
func since(now, last map[mountID]figures) map[mountID]figures {
	out := map[mountID]figures{}
	for id, f := range now {
		out[id] = f.minus(last[id])
	}
	return out
}

// take ends a minute.
func (s *sampler) take(stats auth.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := read(stats)
	if s.last != nil {
		s.past = append(s.past, since(now, s.last))
		if len(s.past) > minutes-1 { // the running minute is the last
			s.past = slices.Delete(s.past, 0, len(s.past)-(minutes-1))
		}
	}
	s.last = now
}

// mountCharts are the charts of one mount.
type mountCharts struct {
	Mount, Dialect, Title string
	Charts                []chart
}

// charts draws the last hour, up to now: of all mounts together, and of each at which
// something happened. The console's own sign-ins are not among them.
func (s *sampler) charts(stats auth.Stats, titles map[string]string) (total []chart, list []mountCharts, quiet []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := read(stats)
	running := map[mountID]figures{}
	if s.last != nil {
		running = since(now, s.last)
	}
	rows := append(slices.Clone(s.past), running)
	sum := make([]figures, len(rows))
	for id := range now {
		if titles[id.dialect] == "" {
			continue
		}
		series := make([]figures, len(rows))
		for i, row := range rows {
			series[i] = row[id]
			sum[i] = sum[i].plus(row[id])
		}
		if slices.ContainsFunc(series, func(f figures) bool { return f != figures{} }) {
			list = append(list, mountCharts{id.mount, id.dialect, titles[id.dialect], draw(series)})
		} else {
			quiet = append(quiet, titles[id.dialect])
		}
	}
	slices.SortFunc(list, func(a, b mountCharts) int { return cmp.Compare(a.Mount, b.Mount) })
	slices.Sort(quiet)
	return draw(sum), list, slices.Compact(quiet)
}
