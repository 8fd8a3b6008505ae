package admin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// ErrTooMany says that the server does as much of a kind as it takes on at a time.
var ErrTooMany = errors.New("too much of this is under way: try again later")

// AuditExport writes what matches as JSON lines, the oldest first, and records that it
// did before the first. An error after that leaves the stream cut off.
func (a *Admin) AuditExport(ctx context.Context, by *auth.Caller, from auth.Origin, in api.AuditRange, w io.Writer) error {
	c, err := a.begin(ctx, &api.AuditExport.Operation, by, from)
	if err != nil {
		return err
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		return ErrTooMany
	}
	e := c.event(audit.Export)
	e.Detail = clip(describeFilter(&in.EventFilter))
	if err := a.service.Update(ctx, func(tx auth.Tx) error { return tx.Record(e) }); err != nil {
		return failed(err)
	}
	at := uint64(0)
	if !in.Since.IsZero() {
		if at, err = c.seek(ctx, in.Since.Add(-skew)); err != nil {
			return err
		}
		at = max(at, 1) - 1
	}
	for {
		part, err := a.service.AuditAfter(ctx, at, searchRead)
		if err != nil {
			return failed(err)
		}
		if len(part) == 0 || (!in.Until.IsZero() && part[0].At.After(in.Until.Add(skew))) {
			return nil
		}
		if err := c.write(ctx, w, &in.EventFilter, part); err != nil {
			return err
		}
		at = part[len(part)-1].Seq
	}
}

// write writes the events of some batches.
func (c *call) write(ctx context.Context, w io.Writer, f *api.EventFilter, part []audit.Batch) error {
	var out []byte
	err := c.service.View(ctx, func(v auth.Reader) error {
		out = out[:0]
		r := &reach{call: c, v: v, known: map[string]bool{}}
		for i := range part {
			events, err := part[i].Events()
			if err != nil {
				return fmt.Errorf("reading the audit: %w: run audit verify", err)
			}
			for j := range events {
				if !matches(f, &events[j]) {
					continue
				}
				sees, err := r.sees(&events[j])
				if err != nil {
					return err
				}
				if !sees {
					continue
				}
				line, err := json.Marshal(wireEvent(part[i].Seq, j, &events[j]))
				if err != nil {
					return err
				}
				out = append(append(out, line...), '\n')
			}
		}
		return nil
	})
	if err != nil {
		return failed(err)
	}
	_, err = w.Write(out)
	return err
}

func describeFilter(f *api.EventFilter) string {
	text, err := json.Marshal(f)
	if err != nil || *f == (api.EventFilter{}) {
		return "all"
	}
	var stated map[string]any
	if err := json.Unmarshal(text, &stated); err != nil {
		return "some"
	}
	var parts []string
	for _, name := range []string{"Kind", "Tenant", "Account", "Subject", "Actor", "Dialect", "Mount", "Source", "Request", "Reason", "Session", "Since", "Until"} {
		if v := fmt.Sprint(stated[name]); v != "" && v != "0" && !strings.HasPrefix(v, "0001-") {
			parts = append(parts, strings.ToLower(name)+": "+v)
		}
	}
	return strings.Join(parts, "; ")
}

// verifyBatches bounds the batches that one call walks: some seconds.
const verifyBatches = 200_000

// AuditVerify walks the chain from its first batch that is kept, or from where a walk
// before it stopped. The first is an anchor: what came before it is gone, so that only
// a head that was noted elsewhere can tell of it.
func (a *Admin) AuditVerify(ctx context.Context, by *auth.Caller, from auth.Origin, in api.VerifyQuery) (out api.Verified, err error) {
	c, err := a.begin(ctx, &api.AuditVerify.Operation, by, from)
	if err != nil {
		return out, err
	}
	if err := c.everywhere(); err != nil {
		return out, c.forbid(ctx, "", err)
	}
	w := walk{call: c, out: api.Verified{OK: true}}
	if in.Head != "" {
		if w.head, w.link, err = parseHead(in.Head); err != nil {
			return out, err
		}
	}
	after := uint64(0)
	if in.After != "" {
		at, err := parsePlace(in.After)
		if err != nil {
			return out, err
		}
		after, w.going = at.seq-min(at.seq, 1), true // the batch where the walk stopped is read again, as the anchor
	}
	if err := w.run(ctx, after); err != nil {
		return out, failed(err)
	}
	return w.out, nil
}

// walk is a walk of the chain.
type walk struct {
	*call
	out   api.Verified
	last  audit.Batch
	any   bool
	going bool   // on from where a walk stopped
	head  uint64 // batch that must be there with this link; 0: none
	link  [32]byte
}

func (w *walk) run(ctx context.Context, after uint64) error {
	for w.out.OK {
		part, err := w.service.AuditAfter(ctx, after, searchRead)
		if err != nil {
			return err
		}
		if len(part) == 0 {
			w.end()
			return nil
		}
		for i := range part {
			if w.step(&part[i]); !w.out.OK {
				return nil
			}
		}
		after = part[len(part)-1].Seq
		if w.out.Batches >= verifyBatches {
			w.out.Next = place{w.last.Seq, 0}.String()
			return nil
		}
	}
	return nil
}

// step looks at the next batch.
func (w *walk) step(b *audit.Batch) {
	events, err := b.Events()
	switch {
	case !w.any && b.Seq == 1 && b.Chain != audit.Link([32]byte{}, b.Body):
		w.broken(1, "the first batch was altered")
	case w.any && b.Seq != w.last.Seq+1:
		w.broken(w.last.Seq+1, fmt.Sprintf("batch %d is missing: %d follows %d", w.last.Seq+1, b.Seq, w.last.Seq))
	case w.any && audit.Verify(&w.last, b) != nil:
		w.broken(b.Seq, fmt.Sprintf("batch %d was altered, or does not follow batch %d", b.Seq, w.last.Seq))
	case err != nil:
		w.broken(b.Seq, err.Error())
	case len(events) != b.Count:
		w.broken(b.Seq, fmt.Sprintf("batch %d holds %d events and says it has %d", b.Seq, len(events), b.Count))
	case w.head == b.Seq && b.Chain != w.link:
		w.broken(b.Seq, fmt.Sprintf("batch %d is not the one whose head was noted: the chain was made anew", b.Seq))
	}
	if !w.out.OK {
		return
	}
	if !w.any {
		w.out.First = int64(b.Seq)
	}
	if w.any || !w.going { // else it was counted by the walk before
		w.out.Batches, w.out.Events = w.out.Batches+1, w.out.Events+len(events)
	}
	w.any, w.last = true, *b
	w.out.Last, w.out.Head = int64(b.Seq), headOf(b)
}

func (w *walk) broken(seq uint64, why string) {
	w.out.OK, w.out.Broken, w.out.Reason = false, int64(seq), why
}

// end holds a chain that is whole to the head that was noted.
func (w *walk) end() {
	if w.head > uint64(w.out.Last) {
		w.broken(uint64(w.out.Last)+1, fmt.Sprintf("the audit ends with batch %d, before the head that was noted: what followed was taken away", w.out.Last))
	}
}

// A head is a place and the chain's value there.
func headOf(b *audit.Batch) string {
	return strconv.FormatUint(b.Seq, 10) + "-" + hex.EncodeToString(b.Chain[:])
}

func parseHead(text string) (seq uint64, link [32]byte, err error) {
	at, value, _ := strings.Cut(text, "-")
	seq, err = strconv.ParseUint(at, 10, 63)
	raw, hexErr := hex.DecodeString(value)
	if err != nil || hexErr != nil || seq == 0 || len(raw) != len(link) {
		return 0, link, invalid("head", "is not what a walk gave as head")
	}
	copy(link[:], raw)
	return seq, link, nil
}
