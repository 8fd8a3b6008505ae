package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// Options say which file and how.
type Options struct {
	Path   string       // of the database file; it is created if it is not there. Required
	Logger *slog.Logger // nil: slog.Default

	checkBudget time.Duration // 0: checkBudget
	maxPages    int           // 0: no limit; for tests of a full disk
	tailSize    int           // 0: tailSize
	walLimit    int64         // 0: walLimit
}

// Store is the embedded store.
type Store struct {
	path   string
	log    *slog.Logger
	writer *writer
	tail   *tail
	chain  *chain
	hot    *readers // single rows, never held for long
	cold   *readers // snapshots and long reads
	sweep  sweeper

	checkBudget time.Duration
	walLimit    int64
	damage      atomic.Pointer[error]

	wantCheckpoint chan struct{}
	copying        sync.Mutex // one checkpoint at a time
	sinceTry       int        // commits since the writer's last checkpoint; the writer's

	running    context.Context // ends at Close; for the background only
	stop       context.CancelFunc
	background sync.WaitGroup
	closing    sync.Once
	closed     error
}

var _ auth.Store = (*Store)(nil)

// Memory for pages, in KiB, per connection: 32 MiB to write with, 4 MiB for
// each of the six that read. It is the most that is used, not what is taken.
const (
	writeCache = "cache_size = -32768"
	readCache  = "cache_size = -4096"
)

// Open opens the database, creates it if it is not there, and brings its schema
// to this program's version. It refuses a file that is damaged ([ErrDamaged]),
// another program's ([ErrForeign]), a newer Sallyport's ([ErrNewer]), or one that
// another is still being moved into ([move.ErrUnfinished]). A large file is
// checked to its end after Open has returned; see [Store.Healthy].
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" {
		return nil, fmt.Errorf("sqlite: %w: the path of the database is missing", auth.ErrInvalid)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{path: path, log: o.Logger, tail: newTail(cmp.Or(o.tailSize, tailSize)), chain: new(chain), checkBudget: cmp.Or(o.checkBudget, checkBudget), walLimit: cmp.Or(o.walLimit, walLimit),
		wantCheckpoint: make(chan struct{}, 1)}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.running, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	if err := s.open(ctx, o); err != nil {
		s.stop()
		s.background.Wait()
		return nil, explain("opening "+path, notOurs(path, err))
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) (err error) {
	c, err := openConn(s.path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err := identify(c); err != nil {
		return err
	}
	if err := writeAhead(ctx, c); err != nil {
		return err
	}
	for _, p := range []string{"synchronous = FULL", "wal_autocheckpoint = 0", "foreign_keys = 1",
		"journal_size_limit = 67108864", writeCache} {
		if err := c.pragma(p); err != nil {
			return err
		}
	}
	if o.maxPages > 0 {
		if err := c.pragma(fmt.Sprintf("max_page_count = %d", o.maxPages)); err != nil {
			return err
		}
	}
	if err := s.check(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, s.path, s.log); err != nil {
		return err
	}
	if err := unfinished(c); err != nil {
		return err
	}
	if err := s.tail.follow(c); err != nil {
		return err
	}
	return s.start(c)
}

// start opens the other connections and starts the goroutines. c is the
// writer's from then on, unless it fails.
func (s *Store) start(c *conn) (err error) {
	if s.hot, err = openReaders(s.path, 4, readCache, s.suspect); err != nil {
		return err
	}
	if s.cold, err = openReaders(s.path, 2, readCache, s.suspect); err != nil {
		return errors.Join(err, s.hot.close())
	}
	checkpointer, err := openConn(s.path, "synchronous = FULL", "wal_autocheckpoint = 0", "cache_size = -1024")
	if err != nil {
		return errors.Join(err, s.hot.close(), s.cold.close())
	}
	s.writer = &writer{conn: c, tail: s.tail, chain: s.chain, queue: make(chan *request, maxQueue), ended: make(chan struct{}), idle: s.nudge, suspect: s.suspect,
		group: make([]*request, 0, maxGroup)}
	go s.writer.run()
	s.background.Go(func() { s.checkpoints(checkpointer) })
	return nil
}

// Close writes what was accepted, waits for reads that are under way and
// releases the file.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.writer.close()
		s.stop()
		s.background.Wait()
		// The writer's connection goes last: it copies the log into the file.
		err := errors.Join(s.hot.close(), s.cold.close(), s.writer.conn.close())
		s.closed = explain("closing the database", err)
	})
	return s.closed
}

// Stats counts what the writer did since Open.
type Stats struct {
	Commits uint64 // transactions that were made durable
	Sets    uint64 // write sets in them
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	return Stats{Commits: s.writer.commits.Load(), Sets: s.writer.sets.Load()}
}

// writeAhead turns on the write-ahead log. Another process that begins the same
// file or closes it keeps that from being done, and SQLite does not wait for it as
// it does for everything else.
func writeAhead(ctx context.Context, c *conn) error {
	for tries := 0; ; tries++ {
		err := c.pragma("journal_mode = WAL")
		if err == nil || tries == walTries || !errors.Is(explain("", err), auth.ErrBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(walRest):
		}
	}
}

// As long as SQLite waits for the rest: five seconds.
const (
	walTries = 250
	walRest  = 20 * time.Millisecond
)
