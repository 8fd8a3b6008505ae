package sqlite

import (
	"errors"
	"fmt"
)

// transaction is one open write transaction, of a group of write sets or of an
// Update. Where the feed ends is read inside it, because another process may
// have written since. So is where the audit and the log of begun sessions end,
// but for groups of logins: those go by what the process remembers, and what
// they write says so, see errStale.
type transaction struct {
	*conn
	tail   *tail
	chain  *chain
	read   bool // the tail has followed the log inside this transaction
	begins beginBuffer
	pairs  []byte  // principal and id of each session begun, for the log
	gone   []entry // sessions that were ended, for the tail to forget after the commit
	audit  auditEntry
	feed   uint64 // position of the newest notice, once notices begin
	noted  bool   // feed is known
	moved  int    // entries of the tail that went to the index

	unguarded bool // guard rows were removed
}

// beginError says that a transaction did not even begin: trying each set of the
// group alone would wait for the same lock once more for each.
type beginError struct{ err error }

func (e *beginError) Error() string { return "beginning a transaction: " + e.err.Error() }
func (e *beginError) Unwrap() error { return e.err }

// errStale says that another process has written since this one last looked, so
// that the transaction has to begin again and look first. Nothing was written.
var errStale = errors.New("another process has written meanwhile")

// begin opens a transaction that looks what other processes have written.
func begin(c *conn, tail *tail, chain *chain) (*transaction, error) {
	t, err := beginBlind(c, tail, chain)
	if err != nil {
		return nil, err
	}
	chain.known = false
	if err := errors.Join(t.keys.renew(c), t.follow()); err != nil {
		c.rollback()
		return nil, &beginError{err}
	}
	return t, nil
}

// beginBlind opens one that does not look: two queries less, which for a group
// of logins is a sixth of its time.
func beginBlind(c *conn, tail *tail, chain *chain) (*transaction, error) {
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, &beginError{err}
	}
	return &transaction{conn: c, tail: tail, chain: chain, begins: beginBuffer{conn: c}, audit: auditEntry{body: chain.body[:0]}}, nil
}

// follow has the tail read the log, if it has not.
func (t *transaction) follow() error {
	if t.read {
		return nil
	}
	t.read = true
	return t.tail.follow(t.conn)
}

func (t *transaction) undo() {
	t.rollback()
	if len(t.pairs) > 0 {
		t.tail.doubt()
	}
	if t.unguarded {
		t.keys.known = false
	}
}

// commit writes what was collected for the whole transaction and makes it
// durable. On an error nothing of the transaction remains.
func (t *transaction) commit() error {
	err := t.collect()
	if err == nil {
		_, err = t.exec("COMMIT")
	}
	if err != nil {
		t.undo()
		return err
	}
	t.tail.committed(t)
	t.chain.committed()
	return nil
}

func (t *transaction) collect() error {
	if err := t.begins.flush(); err != nil {
		return err
	}
	if err := t.writeAudit(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if len(t.pairs) == 0 {
		return nil
	}
	n, err := t.exec("INSERT INTO begun (seq, pairs) SELECT ?1, ?2 WHERE ?1 = 1 + coalesce((SELECT max(seq) FROM begun), 0)", int64(t.tail.known+1), t.pairs)
	if err != nil {
		return err
	}
	if n == 0 {
		return errStale
	}
	return t.settle(len(t.pairs) / pairBytes)
}
