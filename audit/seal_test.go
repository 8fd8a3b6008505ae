package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// chained is n batches of one event each.
func chained(n int) (list []audit.Batch) {
	var link [32]byte
	for i := range n {
		at := time.UnixMicro(1_790_000_000_000_000 + int64(i)).UTC()
		body := (&audit.Event{At: at, Kind: audit.Login, Session: uint64(i + 1)}).AppendJSON(nil)
		link = audit.Link(link, body)
		list = append(list, audit.Batch{Seq: uint64(i + 1), At: at, Count: 1, Body: body, Chain: link})
	}
	return list
}

// Time and number are not in the link, and follow from what is.
func TestBatchIsHeldToItsBody(t *testing.T) {
	for what, touch := range map[string]func(*audit.Batch){
		"time":        func(b *audit.Batch) { b.At = b.At.Add(time.Microsecond) },
		"no time":     func(b *audit.Batch) { b.At = time.Time{} },
		"count":       func(b *audit.Batch) { b.Count-- },
		"no body":     func(b *audit.Batch) { b.Body, b.Count = nil, 0 },
		"no line":     func(b *audit.Batch) { b.Body, b.Count = []byte("\n"), 1 },
		"no line end": func(b *audit.Batch) { b.Body, b.Count = b.Body[:len(b.Body)-1], 0 },
		"no event":    func(b *audit.Batch) { b.Body = []byte("{\n") },
	} {
		list := chained(3)
		if err := list[1].Check(); err != nil {
			t.Fatal(err)
		}
		touch(&list[1])
		list[1].Chain = audit.Link(list[0].Chain, list[1].Body)
		if err := audit.Verify(&list[0], &list[1]); !errors.Is(err, audit.ErrBroken) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestHeadRoundTrip(t *testing.T) {
	list := chained(2)
	head := list[1].Head()
	if got, err := audit.ParseHead(head.String()); got != head || err != nil {
		t.Errorf("%v came out as %v, %v", head, got, err)
	}
	for _, text := range []string{"", "1", "-", "x-" + head.String()[2:], "2-00", head.String() + "00", "-1" + head.String()[1:], "9223372036854775808" + head.String()[1:]} {
		if got, err := audit.ParseHead(text); err == nil || got != (audit.Head{}) {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
	seal := audit.Seal{From: list[0].Head(), To: head, At: time.UnixMicro(5).UTC()}
	if got, err := audit.ParseSeal(seal.String()); got != seal || err != nil {
		t.Errorf("%v came out as %v, %v", seal, got, err)
	}
	for _, text := range []string{"", head.String(), head.String() + " " + head.String(), head.String() + " " + head.String() + " now", "1 " + head.String() + " 2026-01-01T00:00:00Z", seal.String() + " "} {
		if got, err := audit.ParseSeal(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

func TestSealSaysWhereTheAuditBegins(t *testing.T) {
	list := chained(9)
	alter := func(b audit.Batch) *audit.Batch {
		b.Body = append([]byte(nil), b.Body...)
		b.Body[30]++
		return &b
	}
	for _, c := range []struct {
		what   string
		from   audit.Head
		first  *audit.Batch
		broken uint64
	}{
		{"nothing was dropped", audit.Head{}, &list[0], 0},
		{"the first is altered", audit.Head{}, alter(list[0]), 1},
		{"the first is another", audit.Head{}, func() *audit.Batch { b := list[1]; b.Seq = 1; return &b }(), 1},
		{"one is missing", audit.Head{}, &list[1], 1},
		{"some are missing", audit.Head{}, &list[4], 1},
		{"some were dropped", list[3].Head(), &list[4], 0},
		{"and the next is altered", list[3].Head(), alter(list[4]), 5},
		{"and the next is missing", list[3].Head(), &list[5], 5},
		{"and one of them is back", list[3].Head(), &list[1], 2},
		{"an older version dropped some", list[4].Head(), &list[4], 0},
		{"and the next is another", audit.Head{Seq: 5}, &list[4], 5},
	} {
		seal := audit.Seal{From: c.from}
		broken, err := seal.Begins(c.first)
		if (err != nil) != (c.broken != 0) || (err != nil && (!errors.Is(err, audit.ErrBroken) || broken != c.broken)) {
			t.Errorf("%s: %d, %v; want %d", c.what, broken, err, c.broken)
		}
	}
}
