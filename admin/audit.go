package admin

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// Bounds of one page of a search. What was looked at, not what was found, ends a page:
// a search for what never was must not read the whole audit at once.
const (
	searchBatches = 2000
	searchEvents  = 50_000
	searchRead    = 200 // batches read at once
)

// skew is how far the order of events may be off the order of batches: an event is of
// the time at which its operation began.
const skew = time.Minute

// place is where an event stands.
type place struct {
	seq   uint64
	index int
}

func (p place) String() string { return strconv.FormatUint(p.seq, 10) + "." + strconv.Itoa(p.index) }

func parsePlace(text string) (place, error) {
	bad := invalid("after", "is not what a list gave as next")
	seq, index, ok := strings.Cut(text, ".")
	if !ok {
		return place{}, bad
	}
	s, err := strconv.ParseUint(seq, 10, 63)
	if err != nil {
		return place{}, bad
	}
	i, err := strconv.ParseUint(index, 10, 31)
	if err != nil {
		return place{}, bad
	}
	return place{s, int(i)}, nil
}

// AuditSearch searches the audit, the newest first.
func (a *Admin) AuditSearch(ctx context.Context, by *auth.Caller, from auth.Origin, in api.AuditQuery) (out api.List[api.Event], err error) {
	c, err := a.begin(ctx, &api.AuditSearch.Operation, by, from)
	if err != nil {
		return out, err
	}
	n, err := limit(in.Limit)
	if err != nil {
		return out, err
	}
	at := place{}
	switch {
	case in.After != "":
		at, err = parsePlace(in.After)
	case !in.Until.IsZero():
		at.seq, err = c.seek(ctx, in.Until.Add(skew))
	}
	if err != nil {
		return out, err
	}
	s := &search{call: c, filter: &in.EventFilter, limit: n, at: at, page: api.List[api.Event]{Items: []api.Event{}}}
	if err := s.run(ctx); err != nil {
		return out, failed(err)
	}
	return s.page, nil
}

// search is a page of a search under way.
type search struct {
	*call
	filter          *api.EventFilter
	limit           int
	at              place // what is before it is next
	batches, events int
	page            api.List[api.Event]
	done            bool
}

func (s *search) run(ctx context.Context) error {
	for !s.done {
		before := s.at.seq
		if s.at.index > 0 {
			before++ // the rest of a batch
		}
		if before == 0 && s.batches > 0 {
			return nil
		}
		part, err := s.service.AuditBefore(ctx, before, searchRead)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			return nil
		}
		if err := s.service.View(ctx, func(v auth.Reader) error {
			r := &reach{call: s.call, v: v, known: map[string]whose{}}
			for i := range part {
				if err := s.look(r, &part[i]); err != nil || s.done {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// look goes through a batch from its end.
func (s *search) look(r *reach, b *audit.Batch) error {
	if !s.filter.Since.IsZero() && b.At.Before(s.filter.Since.Add(-skew)) {
		s.done = true
		return nil
	}
	events, err := b.Events()
	if err != nil {
		return fmt.Errorf("reading the audit: %w: run audit verify", err)
	}
	i := len(events)
	if s.at.seq == b.Seq && s.at.index > 0 {
		i = min(i, s.at.index)
	}
	for i--; i >= 0; i-- {
		s.at = place{b.Seq, i}
		s.events++
		if matches(s.filter, &events[i]) {
			sees, err := r.sees(&events[i])
			if err != nil {
				return err
			}
			if sees {
				s.page.Items = append(s.page.Items, wireEvent(b.Seq, i, &events[i]))
			}
		}
		if len(s.page.Items) == s.limit {
			return s.stop()
		}
	}
	s.batches++
	s.at = place{b.Seq, 0}
	if s.batches >= searchBatches || s.events >= searchEvents {
		return s.stop()
	}
	return nil
}

func (s *search) stop() error {
	s.done = true
	s.page.Next = s.at.String()
	return nil
}

// seek finds the place before which everything is older than t, by halves: batches are
// in the order of time, or nearly so.
func (c *call) seek(ctx context.Context, t time.Time) (uint64, error) {
	newest, err := c.service.AuditBefore(ctx, 0, 1)
	if err != nil || len(newest) == 0 {
		return 0, failed(err)
	}
	first, err := c.service.AuditAfter(ctx, 0, 1)
	if err != nil || len(first) == 0 {
		return 0, failed(err)
	}
	low, high := first[0].Seq, newest[0].Seq+1 // the answer is in between, both included
	for low < high {
		mid := low + (high-low)/2
		b, err := c.service.AuditAfter(ctx, mid-1, 1)
		if err != nil {
			return 0, failed(err)
		}
		if len(b) > 0 && b[0].At.Before(t) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// matches says whether an event is what a filter asks for.
func matches(f *api.EventFilter, e *audit.Event) bool {
	for _, m := range [...]struct{ want, have string }{
		{f.Kind, string(e.Kind)}, {f.Tenant, e.Tenant}, {f.Account, e.Account}, {f.Subject, e.Subject}, {f.Actor, e.Actor},
		{f.Dialect, e.Dialect}, {f.Mount, e.Mount}, {f.Source, e.Source}, {f.Request, e.Request}, {f.Reason, e.Reason},
	} {
		if m.want != "" && m.want != m.have {
			return false
		}
	}
	return (f.Session == 0 || uint64(f.Session) == e.Session) && (f.Since.IsZero() || !e.At.Before(f.Since)) &&
		(f.Until.IsZero() || e.At.Before(f.Until))
}

func wireEvent(seq uint64, index int, e *audit.Event) api.Event {
	return api.Event{ID: place{seq, index}.String(), At: e.At, Kind: string(e.Kind), Tenant: e.Tenant, Account: e.Account, Subject: e.Subject,
		Actor: e.Actor, Dialect: e.Dialect, Mount: e.Mount, Source: e.Source, Request: e.Request, Reason: e.Reason, Detail: e.Detail,
		Session: int64(e.Session), Count: e.Count}
}

// reach says which events are of somebody in the caller's reach, with a memory for one
// snapshot. Events keep names, not ids, and a name may have been another's before: an
// event is of who bears its name now if it is not older than that. So what is of an
// account that was deleted, or had another number or code then, is for those whose role
// reaches everywhere, and so is what was claimed at a mount that names no tenant.
type reach struct {
	*call
	v     auth.Reader
	known map[string]whose
}

// whose says who bears a name: somebody in the caller's reach or not, and since when.
type whose struct {
	own   bool
	since time.Time
}

func (r *reach) sees(e *audit.Event) (bool, error) {
	if r.by.Everywhere {
		return true, nil
	}
	if e.Kind == audit.Change && e.Account == "" {
		return false, nil // of the whole server, as of a policy: its tenant is that of who made it, its subject no user
	}
	key := e.Tenant + "\x00" + e.Account
	if e.Account == "" {
		key += "\x00" + userOf(e)
	}
	w, ok := r.known[key]
	if !ok {
		var err error
		if w, err = r.find(e); err != nil {
			return false, err
		}
		r.known[key] = w
	}
	return w.own && !e.At.Before(w.since), nil
}

// bareKeys is the dialect whose clients show a secret and claim no name.
const bareKeys = "sbt"

// userOf is what the user is called whom an event without an account is about, or was
// claimed to be; "" if it is about none: where nobody claims a name, the subject is a key,
// which was right and refused all the same, and users may be called like it.
func userOf(e *audit.Event) string {
	if e.Dialect == bareKeys {
		return ""
	}
	return e.Subject
}

// find says who bears the names of an event now.
func (r *reach) find(e *audit.Event) (w whose, err error) {
	if e.Tenant != r.by.Tenant.Code {
		return w, nil // without one, it was claimed at a mount of all tenants, and may be another's
	}
	tenant := r.by.Tenant.ID
	w.since = r.by.Tenant.CodeSince
	if r.by.Account.ID == tenant {
		w.own = true // all of the tenant is
		return w, nil
	}
	kind, name := auth.LockAccount, e.Account
	if name == "" {
		kind, name = auth.LockUser, userOf(e)
	}
	if name == "" {
		return w, nil
	}
	holders, err := (&auth.Lock{Kind: kind, Name: name}).Holders(r.v, tenant)
	if err != nil || len(holders) != 1 {
		return w, err
	}
	if holders[0].Since.After(w.since) {
		w.since = holders[0].Since
	}
	chain, err := chainOf(r.v, holders[0].Account)
	if err != nil {
		return w, unlessNobody(err)
	}
	w.own = r.reaches(chain)
	return w, nil
}
