package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
		r := &reach{call: c, v: v, known: map[string]whose{}}
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
