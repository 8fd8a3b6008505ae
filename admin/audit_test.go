package admin_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/client"
)

// found searches to the end, n a page.
func (k *kit) found(who string, n int, f api.EventFilter) (events []api.Event) {
	k.Helper()
	for e, err := range client.All(func(after string) (api.List[api.Event], error) {
		return k.as(who).AuditSearch(k.Context(), api.AuditQuery{Page: api.Page{After: after, Limit: n}, EventFilter: f})
	}) {
		if err != nil {
			k.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// record writes events a second apart, some of them in one batch.
func (k *kit) record(first time.Time, n int) {
	k.Helper()
	for i := 0; i < n; i += 3 {
		var batch []audit.Event
		for j := i; j < min(i+3, n); j++ {
			batch = append(batch, audit.Event{At: first.Add(time.Duration(j) * time.Second), Kind: audit.Login, Tenant: "ACME", Account: "100",
				Subject: fmt.Sprint("s", j), Dialect: "electa", Source: "192.0.2.77", Session: uint64(1000 + j), Reason: []string{"even", "odd"}[j%2]})
		}
		if _, err := k.store.Apply(k.Context(), &auth.WriteSet{Events: batch}); err != nil {
			k.Fatal(err)
		}
	}
}

func TestAuditIsSearched(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Second)
	k.record(first, 40)
	var want []string
	for i := 39; i >= 0; i-- {
		want = append(want, fmt.Sprint("s", i))
	}
	subjects := func(events []api.Event) (list []string) {
		for _, e := range events {
			list = append(list, e.Subject)
		}
		return list
	}
	for _, n := range []int{1, 2, 7, 100} {
		if got := subjects(k.found(auditorAll, n, api.EventFilter{Source: "192.0.2.77"})); !slices.Equal(got, want) {
			t.Errorf("%d a page: %v", n, got)
		}
	}
	for what, c := range map[string]struct {
		f api.EventFilter
		n int
	}{
		"kind":    {api.EventFilter{Kind: "login", Source: "192.0.2.77"}, 40},
		"reason":  {api.EventFilter{Reason: "odd"}, 20},
		"session": {api.EventFilter{Session: 1007}, 1},
		"subject": {api.EventFilter{Subject: "s9"}, 1},
		"tenant":  {api.EventFilter{Tenant: "ACME", Reason: "even"}, 20},
		"nothing": {api.EventFilter{Subject: "nobody"}, 0},
		"since":   {api.EventFilter{Since: first.Add(30 * time.Second)}, 10},
		"until":   {api.EventFilter{Source: "192.0.2.77", Until: first.Add(10 * time.Second)}, 10},
		"between": {api.EventFilter{Since: first.Add(10 * time.Second), Until: first.Add(12 * time.Second)}, 2},
		"never":   {api.EventFilter{Until: first.Add(-1000 * time.Hour)}, 0},
	} {
		if got := k.found(auditorAll, 3, c.f); len(got) != c.n {
			t.Errorf("by %s: %d events, want %d: %v", what, len(got), c.n, subjects(got))
		}
	}
	for _, e := range k.found(auditorWest, 100, api.EventFilter{}) {
		if e.Tenant == "OUTSIDE" || e.Account == "900" {
			t.Errorf("an auditor of WEST sees %+v", e)
		}
	}
	if got := k.found(auditorWest, 100, api.EventFilter{Source: "192.0.2.77"}); len(got) != 40 {
		t.Errorf("an auditor of WEST sees %d of its events", len(got))
	}
}

// What is written while somebody pages is before the first page and moves nothing.
func TestPagesOfTheAuditUnderWrites(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.record(time.Now().Add(24*time.Hour), 30)
	after, seen := "", map[string]int{}
	for {
		page, err := k.as(auditorAll).AuditSearch(t.Context(), api.AuditQuery{Page: api.Page{After: after, Limit: 4}, EventFilter: api.EventFilter{Source: "192.0.2.77"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			seen[e.Subject]++
		}
		if after = page.Next; after == "" {
			break
		}
		if len(seen) < 20 {
			if _, err := k.store.Apply(t.Context(), &auth.WriteSet{Events: []audit.Event{{At: time.Now(), Kind: audit.Login, Source: "192.0.2.77", Subject: "new"}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 30 {
		if n := seen[fmt.Sprint("s", i)]; n != 1 {
			t.Errorf("event %d was on %d pages", i, n)
		}
	}
	if seen["new"] != 0 {
		t.Error("what came later is on a later page")
	}
}

func TestAuditIsExported(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	first := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Second)
	k.record(first, 20)
	read := func(who string, f api.EventFilter) (events []api.Event) {
		t.Helper()
		stream, err := k.as(who).AuditExport(t.Context(), api.AuditRange{EventFilter: f})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		lines := bufio.NewScanner(stream)
		for lines.Scan() {
			var e api.Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatalf("%v: %s", err, lines.Bytes())
			}
			events = append(events, e)
		}
		return events
	}
	if got := read(auditorAll, api.EventFilter{Source: "192.0.2.77"}); len(got) != 20 || got[0].Subject != "s0" || got[19].Subject != "s19" {
		t.Errorf("exported %+v", got)
	}
	if got := read(auditorAll, api.EventFilter{Source: "192.0.2.77", Since: first.Add(5 * time.Second), Until: first.Add(8 * time.Second)}); len(got) != 3 || got[0].Subject != "s5" {
		t.Errorf("exported of a range %+v", got)
	}
	if got, all := read(auditorWest, api.EventFilter{}), k.events(); len(got) == 0 || len(got) >= len(all) {
		t.Errorf("an auditor of WEST exported %d of %d", len(got), len(all))
	}
	exports := k.found(auditorAll, 100, api.EventFilter{Kind: string(audit.Export)})
	if len(exports) != 3 || exports[0].Actor != "100/auditor of WEST" || exports[0].Detail != "all" || !strings.Contains(exports[1].Detail, "192.0.2.77") {
		t.Errorf("recorded %+v", exports)
	}
}

func TestAuditIsVerified(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.record(time.Now(), 30)
	k.sealAll()
	c := k.as(auditorAll)
	whole, err := c.AuditVerify(t.Context(), api.VerifyQuery{})
	if err != nil || !whole.OK || whole.Events != len(k.events()) || whole.First != 1 || whole.Last != int64(whole.Batches) {
		t.Fatalf("an untouched audit: %+v, %v", whole, err)
	}
	edit := func(seq uint64, f func(*audit.Batch)) func([]audit.Batch) []audit.Batch {
		return func(list []audit.Batch) []audit.Batch {
			for i := range list {
				if list[i].Seq == seq {
					list[i].Body = bytes.Clone(list[i].Body)
					f(&list[i])
				}
			}
			return list
		}
	}
	without := func(which func(audit.Batch) bool) func([]audit.Batch) []audit.Batch {
		return func(list []audit.Batch) []audit.Batch { return slices.DeleteFunc(list, which) }
	}
	last := uint64(whole.Last)
	for _, c := range []struct {
		what   string
		touch  func([]audit.Batch) []audit.Batch
		head   string
		broken int64
	}{
		{"one altered", edit(7, func(b *audit.Batch) { b.Body[30] ^= 1 }), "", 7},
		{"the first altered", edit(1, func(b *audit.Batch) { b.Body[30] ^= 1 }), "", 1},
		{"the last altered", edit(last, func(b *audit.Batch) { b.Body[30] ^= 1 }), "", int64(last)},
		{"one missing", without(func(b audit.Batch) bool { return b.Seq == 5 }), "", 5},
		{"one with another count", edit(6, func(b *audit.Batch) { b.Count++ }), "", 6},
		{"one with another time", edit(6, func(b *audit.Batch) { b.At = b.At.Add(time.Microsecond) }), "", 6},
		{"one with another link", edit(6, func(b *audit.Batch) { b.Chain[0] ^= 1 }), "", 6},
		{"two swapped", func(list []audit.Batch) []audit.Batch {
			for i := range list[1:] {
				if a, b := &list[i], &list[i+1]; a.Seq == 5 {
					*a, *b = *b, *a
					a.Seq, b.Seq = 5, 6
				}
			}
			return list
		}, "", 5},
		{"all moved by one", func(list []audit.Batch) []audit.Batch {
			for i := range list {
				list[i].Seq++
			}
			return list
		}, "", 1},
		{"the end taken away", without(func(b audit.Batch) bool { return b.Seq > 6 }), whole.Head, 7},
		{"the chain made anew", func(list []audit.Batch) []audit.Batch {
			var chain [32]byte
			for i := range list {
				list[i].Body = bytes.ReplaceAll(list[i].Body, []byte("192.0.2.77"), []byte("192.0.2.78"))
				chain = audit.Link(chain, list[i].Body)
				list[i].Chain = chain
			}
			return list
		}, whole.Head, int64(last)},
		{"nothing, and the head is known", nil, whole.Head, 0},
		{"the oldest taken away", without(func(b audit.Batch) bool { return b.Seq < 4 }), "", 1},
		{"all taken away", without(func(audit.Batch) bool { return true }), whole.Head, 1},
	} {
		k.store.touch = c.touch
		got, err := k.as(auditorAll).AuditVerify(t.Context(), api.VerifyQuery{Head: c.head})
		if err != nil || got.OK != (c.broken == 0) || got.Broken != c.broken || (c.broken != 0) != (got.Reason != "") {
			t.Errorf("%s: %+v, %v", c.what, got, err)
		}
		k.store.touch = nil
	}
	if _, err := c.AuditVerify(t.Context(), api.VerifyQuery{Head: "12"}); !client.HasCode(err, api.Invalid) {
		t.Errorf("a head that is none: %v", err)
	}
	// On from where a walk stopped.
	rest, err := c.AuditVerify(t.Context(), api.VerifyQuery{After: "5.0", Head: whole.Head})
	if err != nil || !rest.OK || rest.First != 5 || rest.Last != whole.Last || rest.Batches != whole.Batches-5 {
		t.Errorf("the rest of a walk: %+v, %v", rest, err)
	}
}

// A stream that breaks off does not look whole.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.record(time.Now(), 900) // more than is read at once
	k.store.touch = func(list []audit.Batch) []audit.Batch {
		if len(list) > 0 && list[0].Seq > 150 {
			list[0].Body = []byte("{")
		}
		return list
	}
	stream, err := client.InProcess(k.handler).AuditExport(t.Context(), api.AuditRange{})
	if err == nil {
		stream.Close()
		t.Fatal("nobody may export")
	}
	c := client.InProcess(authorized{k})
	if stream, err = c.AuditExport(t.Context(), api.AuditRange{}); err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if n, err := io.Copy(io.Discard, stream); err == nil || n == 0 {
		t.Errorf("%d bytes and then %v", n, err)
	}
}
