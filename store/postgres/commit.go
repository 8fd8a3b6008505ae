package postgres

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A commit is sent in one go and its answer may be lost: with the connection, or
// because the server was killed. Then it is not known whether it was written,
// and writing it again could write it twice.
//
// So each commit begins with a row in commits: the writer's name, drawn at
// random, and a number that goes up. Whoever lost the answer writes that row
// itself, alone. If it is there already, the commit was made; that insertion
// waits while the commit is still under way. If it was not there, it is now, and
// a commit that is still in a buffer somewhere fails on it. After that the writer
// takes another name, and the rows of the old one stay until Sweep removes them.
// It relies on nothing but a unique key.
//
// A server that waits for a replica may be told not to, by an operator or a time
// limit, or be killed and come back: then it says, and others see, that a commit
// is made which a failover loses. So the warning that it gives (replica.go) counts
// as a lost answer, and whoever asks what became of a commit writes something too
// and waits for the replica to have it, and all that came before.

const (
	keptMarks = 1024             // marks of a writer that stay; more are removed, as many at a time
	patience  = 10 * time.Second // for which what was not written is tried again, and for which is asked what was
	sendLimit = 10 * time.Second // that one try may take, the wait for a replica included; see answerLimit
	firstWait = 20 * time.Millisecond
	maxWait   = 500 * time.Millisecond
)

// committer makes commits over one connection at a time.
type committer struct {
	pool     *pool
	stopped  context.Context // ends when the store is closed for good
	patience time.Duration
	others   *waker
	name     int64
	n        int64
	away     bool // the last commit failed because the database was away
}

func newCommitter(ctx context.Context, p *pool, others *waker, patience time.Duration) *committer {
	c := &committer{pool: p, stopped: ctx, others: others, patience: patience}
	c.rename()
	return c
}

func (c *committer) rename() {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	c.name, c.n = int64(binary.BigEndian.Uint64(b[:])&^(1<<63)), 0
}

// commit makes one commit, of what plan plans for it. It tries again while that
// helps and nothing was written; once the database is known to be away, a try is
// all there is. The error is a [setError] if it is about what was to be written.
func (c *committer) commit(plan func(writer, n int64) *plan) error {
	patient, cancel := context.WithTimeout(c.stopped, c.patience)
	defer cancel()
	known := c.away
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		c.n++
		p := plan(c.name, c.n)
		at, err := c.send(p)
		if isLost(err) && at >= 0 {
			err = c.resolve(err)
		}
		if c.others.full(p, at, err) {
			continue
		}
		c.away = isLost(err) || isElsewhere(err) || errors.Is(err, ErrUnknown)
		if !c.helps(err) || (known && c.away) || pause(patient, wait) != nil {
			return c.blame(p, at, err)
		}
	}
}

// helps says whether to try again what failed and was not written.
func (c *committer) helps(err error) bool {
	var e *pgconn.PgError
	switch {
	case errors.Is(err, ErrUnknown):
		return false
	case isLost(err), isElsewhere(err):
		return true
	case errors.As(err, &e):
		return e.Code == "40001" || e.Code == "40P01" || e.ConstraintName == "commits_pkey"
	}
	return false
}

// blame says whose fault an error at a step is.
func (c *committer) blame(p *plan, at int, err error) error {
	var e *pgconn.PgError
	if err == nil || at < 0 || !errors.As(err, &e) || isLost(err) {
		return err
	}
	sets := conflicts(e)
	if whose := p.steps[at].set; sets == nil && whose != everybody {
		sets = []int{whose}
	}
	switch e.Code[:2] {
	case "22", "23", "21", "54":
		return &setError{sets, err}
	}
	return err
}

// send sends a plan and reads what the server says to each statement. at is the
// one that failed; -1 says that nothing was sent.
func (c *committer) send(p *plan) (at int, err error) {
	ctx, cancel := context.WithTimeout(c.stopped, sendLimit)
	defer cancel()
	conn, err := c.pool.take(ctx)
	if err != nil {
		return -1, err
	}
	defer conn.Release()
	return c.sendOver(conn, p)
}

// sendOver is send over a connection that is there.
func (c *committer) sendOver(conn *conn, p *plan) (at int, err error) {
	ctx, cancel := context.WithTimeout(c.stopped, sendLimit)
	defer cancel()
	results := conn.SendBatch(ctx, &p.batch)
	for at = range p.steps {
		if s := &p.steps[at]; s.counts {
			err = results.QueryRow().Scan(&s.ended)
		} else {
			var tag pgconn.CommandTag
			if tag, err = results.Exec(); err == nil && at == len(p.steps)-1 && tag.String() != "COMMIT" {
				err = fmt.Errorf("the transaction ended with %s", tag)
			}
		}
		if err != nil {
			break
		}
	}
	if e := results.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = replicated(conn)
	}
	err = answered(err, conn.Conn().IsClosed())
	if err != nil && !isLost(err) {
		if _, e := conn.Exec(ctx, "ROLLBACK"); e != nil {
			_ = conn.Conn().Close(context.Background()) // which undoes it too
		}
	}
	c.pool.heed(conn, err)
	return at, err
}

// resolve finds out what became of a commit whose answer was lost: nil if it was
// made, the error that lost it if it was not and never will be, else ErrUnknown.
// How many sessions it ended is lost in any case.
func (c *committer) resolve(lost error) error {
	ctx, cancel := context.WithTimeout(c.stopped, c.patience)
	defer cancel()
	name, n := c.name, c.n
	c.rename()
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		var made bool
		err := c.pool.with(ctx, func(conn *conn) error {
			if err := conn.QueryRow(ctx, decided, name, n).Scan(&made); err != nil {
				return err
			}
			return replicated(conn)
		})
		switch {
		case err == nil && made:
			return nil
		case err == nil:
			return lost
		case pause(ctx, wait) != nil:
			return fmt.Errorf("%w (%s)", ErrUnknown, lost.Error())
		}
	}
}

// retire removes the writer's marks.
func (c *committer) retire() {
	ctx, cancel := context.WithTimeout(c.stopped, time.Second)
	defer cancel()
	_ = c.pool.with(ctx, func(conn *conn) error { // Sweep removes what stays
		_, err := conn.Exec(ctx, unmark, c.name, c.n+1)
		return err
	})
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
