package audit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/audit"
)

// walked is what a walk over batches finds.
func walked(h *audit.Held, list []audit.Batch) *audit.Damage {
	w := audit.NewWalk(h)
	var found *audit.Damage
	for i := range list {
		if errors.As(w.Step(&list[i]), &found) {
			return found
		}
	}
	_ = errors.As(w.End(), &found)
	return found
}

// A seal of nothing vouches for the beginning of what comes after it.
func TestWalkFromASealOfNothing(t *testing.T) {
	list := chained(4)
	another := chained(1) // the first of another chain
	another[0].Body = (&audit.Event{At: another[0].At, Kind: audit.Login, Session: 9}).AppendJSON(nil)
	another[0].Chain = audit.Link([32]byte{}, another[0].Body)
	shifted := append([]audit.Batch(nil), list[1:]...)
	for i := range shifted {
		shifted[i].Seq--
	}
	for _, c := range []struct {
		what string
		held audit.Held
		list []audit.Batch
		seq  int64 // of the damage; -1: there is none
		why  string
	}{
		{"nothing yet", audit.Held{}, nil, -1, ""},
		{"batches", audit.Held{Records: true}, list, -1, ""},
		{"the first is gone", audit.Held{}, list[1:], 1, "batch 1 is missing, and no retention dropped it"},
		{"the first two are gone", audit.Held{}, list[2:], 1, "batches 1 to 2 are missing"},
		{"the second is the first", audit.Held{}, shifted, 1, "is not the first there was"},
		{"the first is another", audit.Held{}, append(another, list[1:]...), 2, "does not follow"},
		{"all are gone, and records are not", audit.Held{Records: true}, nil, 1, "there are records"},
		{"a server has sealed more", audit.Held{Known: list[1].Head()}, list, 1, "an older seal was put back"},
		{"a head was noted", audit.Held{Noted: list[1].Head()}, list[:1], 2, "before the head that was noted"},
	} {
		c.held.Seal = &audit.Seal{}
		found := walked(&c.held, c.list)
		switch {
		case c.seq < 0 && found != nil:
			t.Errorf("%s: %v", c.what, found)
		case c.seq >= 0 && (found == nil || found.Seq != c.seq || !strings.Contains(found.Why, c.why)):
			t.Errorf("%s: %v, want batch %d: %s", c.what, found, c.seq, c.why)
		}
	}
	if found := walked(&audit.Held{Records: true}, nil); found == nil || found.Seq != 0 || found.Why != audit.Unsealed {
		t.Errorf("no seal beside records: %v", found)
	}
}
