package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// What the ceilings send, over one connection, which is what a node writes with:
// prepared, in one message a commit.
const (
	pgRawSessions = `INSERT INTO sessions (id, ends, principal, issued, cap, idle, capped, uses, expire_on_new, digest, dialect, app, source, attrs)
		SELECT unnest($1::bigint[]), unnest($2::bigint[]), unnest($3::bigint[]), unnest($4::bigint[]), unnest($5::bigint[]), 0, 0, 0, false,
			unnest($6::bytea[]), unnest($7::text[]), '', unnest($8::bytea[]), ''`
	pgRawMark  = "INSERT INTO commits (writer, n, at) VALUES (0, $1, $2)"
	pgRawAudit = "INSERT INTO audit_batches (seq, at, count, body, chain) VALUES ($1, $2, $3, $4, $5)"
)

// pgRaw is the ceiling of durable logins over PostgreSQL: one connection that
// inserts rows of sessions, and if it is told to all rows that a group of logins
// leaves: the commit's mark and the batch of its audit. Nobody waits for an answer,
// nothing is locked, no chain is computed.
type pgRaw struct {
	conn  *pgx.Conn
	next  uint64
	batch int64 // of the audit
	event audit.Event
	body  []byte
}

func openPGRaw(ctx context.Context, s *shared) (*pgRaw, error) {
	conn, err := pgx.Connect(ctx, s.cluster.url(rawDatabase))
	if err != nil {
		return nil, fmt.Errorf("raw: %w", err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	event := audit.Event{At: now, Kind: audit.Login, Tenant: electaTenant, Dialect: "electa", Mount: "electa", Account: "100001", Subject: "main",
		Source: source.String(), Request: "bench"}
	return &pgRaw{conn: conn, next: 1 << 40, batch: 1 << 40, event: event}, nil
}

// run writes for a while and returns rows of sessions a second.
func (r *pgRaw) run(ctx context.Context, window time.Duration, size int, all bool) (float64, error) {
	start := time.Now()
	rows := newPGRows(start, size)
	n := 0
	for time.Since(start) < window {
		b := &pgx.Batch{}
		b.Queue(pgRawSessions, rows.number(&r.next)...)
		if all {
			r.batch++
			b.Queue(pgRawMark, r.batch, start.UnixMicro())
			b.Queue(pgRawAudit, r.batch, start.UnixMicro(), int64(size), r.events(size), rows.digests[0])
		}
		if err := r.conn.SendBatch(ctx, b).Close(); err != nil {
			return 0, err
		}
		n += size
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// events are those of the logins that were just numbered.
func (r *pgRaw) events(size int) []byte {
	r.body = r.body[:0]
	for i := range size {
		r.event.Session = r.next - uint64(size-i)
		r.body = r.event.AppendJSON(r.body)
	}
	return r.body
}

// pgRows are sessions by column, changed in place: making them is no part of the
// ceiling.
type pgRows struct {
	ids, ends, principals, issued, caps []int64
	digests, sources                    [][]byte
	dialects                            []string
}

func newPGRows(now time.Time, size int) *pgRows {
	w := &pgRows{}
	address, _ := source.MarshalBinary() // never fails
	for range size {
		w.ids, w.principals = append(w.ids, 0), append(w.principals, 0)
		w.ends, w.caps, w.issued = append(w.ends, now.Add(24*time.Hour).UnixMicro()), append(w.caps, now.Add(24*time.Hour).UnixMicro()), append(w.issued, now.UnixMicro())
		w.digests, w.sources, w.dialects = append(w.digests, make([]byte, 32)), append(w.sources, address), append(w.dialects, "electa")
	}
	return w
}

func (w *pgRows) number(next *uint64) []any {
	for i := range w.ids {
		*next++
		w.ids[i], w.principals[i] = int64(auth.SessionID(*next)), int64(1+*next*7919%accounts)
		for j := 0; j < len(w.digests[i]); j += 8 { // as random as a digest, for less
			binary.LittleEndian.PutUint64(w.digests[i][j:], *next*0x9e3779b97f4a7c15>>j)
		}
	}
	return []any{w.ids, w.ends, w.principals, w.issued, w.caps, w.digests, w.dialects, w.sources}
}
