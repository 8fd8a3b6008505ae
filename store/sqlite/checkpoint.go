package sqlite

import "time"

// A checkpoint copies what the write-ahead log collected into the database
// file. SQLite would do it inside of the commit that passes a limit, and the
// logins of that commit would wait. Here a goroutine of its own does it over
// its own connection while commits go on. The log begins anew when all of it is
// copied, which never happens while others write; so when it has grown to its
// limit, the writer copies the small rest between two commits.
const (
	checkpointStep = 1024                   // pages that are worth a checkpoint; 4 MiB
	checkpointIdle = 500 * time.Millisecond // after the last commit
	walLimit       = 8192                   // pages; 32 MiB
	checkpointWait = 32                     // commits between two tries of the writer
)

// logSize returns the pages in the log and those of them that are copied. It
// changes nothing.
func (c *conn) logSize() (pages, copied int64, err error) {
	_, err = c.one(func(r row) { pages, copied = r.int(1), r.int(2) }, "PRAGMA wal_checkpoint(NOOP)")
	return pages, copied, err
}

// checkpoint copies what it can without waiting for anybody.
func (c *conn) checkpoint() error {
	_, err := c.one(func(row) {}, "PRAGMA wal_checkpoint(PASSIVE)")
	return err
}

// nudge starts a checkpoint when it is time. The writer calls it after each
// commit.
func (s *Store) nudge() {
	pages, copied, err := s.writer.conn.logSize()
	rest := pages - copied
	s.sinceTry++
	if rest >= checkpointStep || pages > s.walLimit {
		select {
		case s.wantCheckpoint <- struct{}{}:
		default:
		}
	}
	if err == nil && pages > s.walLimit && s.sinceTry > checkpointWait {
		err = s.finishCheckpoint(rest, pages > 4*s.walLimit)
	}
	if err != nil {
		s.log.Warn("checkpoint by the writer failed; the write-ahead log grows", "error", err)
	}
}

// finishCheckpoint copies the rest of the log, so that the next commit begins
// it anew. Only when the log is far too long the writer does so whatever it
// takes: then logins wait, because the disk is slower than they come.
func (s *Store) finishCheckpoint(rest int64, must bool) error {
	switch {
	case must:
		s.copying.Lock()
	case rest >= checkpointStep || !s.copying.TryLock():
		return nil // better after a later commit
	}
	defer s.copying.Unlock()
	s.sinceTry = 0 // in vain while somebody reads an old snapshot, so not after each commit
	return s.writer.conn.checkpoint()
}

// checkpoints does the copying until the store is closed.
func (s *Store) checkpoints(c *conn) {
	var last uint64
	idle := time.NewTicker(checkpointIdle)
	defer idle.Stop()
	for {
		select {
		case <-s.running.Done():
			if err := c.close(); err != nil {
				s.log.Warn("closing the checkpoint connection", "error", err)
			}
			return
		case <-s.wantCheckpoint:
		case <-idle.C:
			if s.writer.commits.Load() == last {
				continue
			}
		}
		last = s.writer.commits.Load()
		s.copying.Lock()
		err := c.checkpoint()
		s.copying.Unlock()
		if err != nil {
			s.log.Warn("checkpoint failed; the write-ahead log grows", "error", err)
		}
	}
}
