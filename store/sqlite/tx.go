package sqlite

import (
	"fmt"
)

// transaction is one open write transaction, of a group of write sets or of an
// Update. Positions in the feed, the audit and the log of begun sessions are
// read inside it, because another process may have written since.
type transaction struct {
	*conn
	tail   *tail
	begins beginBuffer
	pairs  []byte  // principal and id of each session begun, for the log
	gone   []entry // sessions that were ended, for the tail to forget after the commit
	audit  auditEntry
	feed   uint64 // position of the newest notice, once notices begin
	noted  bool   // feed is known
	moved  int    // entries of the tail that went to the index
}

// beginError says that a transaction did not even begin: trying each set of the
// group alone would wait for the same lock once more for each.
type beginError struct{ err error }

func (e *beginError) Error() string { return "beginning a transaction: " + e.err.Error() }
func (e *beginError) Unwrap() error { return e.err }

func begin(c *conn, tail *tail) (*transaction, error) {
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, &beginError{err}
	}
	if err := tail.follow(c); err != nil {
		c.rollback()
		return nil, &beginError{err}
	}
	return &transaction{conn: c, tail: tail, begins: beginBuffer{conn: c}}, nil
}

func (t *transaction) undo() {
	t.rollback()
	if len(t.pairs) > 0 {
		t.tail.doubt()
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
	if _, err := t.exec("INSERT INTO begun VALUES (?, ?)", int64(t.tail.known+1), t.pairs); err != nil {
		return err
	}
	return t.settle(len(t.pairs) / pairBytes)
}
