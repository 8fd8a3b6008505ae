package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sallyport/sallyport/auth"
)

// Options say which database and how.
type Options struct {
	// URL of the database, as libpq reads it: several hosts, sslmode and so on.
	// What it leaves out comes from PGHOST, PGPASSWORD, PGPASSFILE and their like.
	// pool_max_conns is how many connections read single rows. Required
	URL    string
	Logger *slog.Logger // nil: slog.Default

	writers  int           // connections that commit; 0: writers
	patience time.Duration // 0: patience
	schema   fs.FS         // nil: this program's own migrations
}

// Connections of a store, each opened when it is first needed.
const (
	writers = 1 // all that waits is committed together; two would share it, and wait for each other's turn in the audit
	hot     = 8 // single rows, unless the URL says otherwise
	cold    = 4 // snapshots, changes and long reads
)

// Store is a database that any number of nodes share.
type Store struct {
	name  string // for people
	log   *slog.Logger
	queue *queue
	feed  feedQueries
	waker waker
	write *pool
	hot   *pool
	cold  *pool
	sweep sweeper

	history atomic.Pointer[string]             // of the last look at the feed
	hangUp  atomic.Pointer[context.CancelFunc] // ends the connection that listens
	news    chan struct{}                      // holds one: another node told the feed something; nil: nobody says so

	updating chan struct{} // holds one: that of this node which has an Update

	patience  time.Duration
	stopped   context.Context
	stop      context.CancelFunc
	deafen    context.CancelFunc // ends listening
	writing   sync.WaitGroup
	listening sync.WaitGroup
	closing   sync.Once
}

var _ auth.Store = (*Store)(nil)

// Open connects to the database and brings its schema to this program's version.
// It refuses a newer one ([ErrNewer]), one that takes no writes ([ErrReadOnly],
// [ErrUnreachable]), and one that another is still being moved into
// ([move.ErrUnfinished]).
func Open(ctx context.Context, o Options) (*Store, error) {
	if !Is(o.URL) {
		return nil, fmt.Errorf("postgres: %w: a database in PostgreSQL is named by a URL, postgres://user@host:5432/database", auth.ErrInvalid)
	}
	config, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	s := &Store{name: Redact(o.URL), log: o.Logger, queue: newQueue(), updating: make(chan struct{}, 1), patience: cmp.Or(o.patience, patience)}
	if s.log == nil {
		s.log = slog.Default()
	}
	if host := inClear(config.ConnConfig); host != "" {
		s.log.WarnContext(ctx, "connections to the database may not be encrypted: say sslmode=verify-full in its URL", "host", host)
	}
	if err := s.open(ctx, config, o.schema, cmp.Or(o.writers, writers), hotSize(config, o.URL)); err != nil {
		return nil, explain("opening "+s.name, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, config *pgxpool.Config, files fs.FS, writers int, hot int32) (err error) {
	engine, err := s.prepare(ctx, config, files)
	if err != nil {
		return answered(err, true)
	}
	s.feed, s.sweep.take = newFeedQueries(engine.history), sweepTurn(engine.advisory)
	s.waker.name = rand.Text()
	s.waker.on.Store(engine.notifies)
	s.stopped, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	if s.cold, err = openPool(s.stopped, impatient(config), cold); err != nil {
		return err
	}
	// Prepared statements and LISTEN belong to a session, and behind PgBouncer in
	// transaction mode the next transaction has another.
	listening := config.ConnConfig.Copy()
	if engine.direct && config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		// A prepared plan may be from when a table had ten rows and was best read
		// whole. All that is prepared has an index to go by.
		config.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	}
	if s.write, err = openPool(s.stopped, config, int32(writers)); err != nil {
		return err
	}
	if s.hot, err = openPool(s.stopped, config, hot); err != nil {
		return err
	}
	var hearing context.Context
	hearing, s.deafen = context.WithCancel(s.stopped)
	for range writers {
		w := &writer{queue: s.queue, committer: newCommitter(s.stopped, s.write, &s.waker, s.patience), group: make([]*request, 0, maxGroup)}
		s.writing.Go(w.run)
	}
	if engine.direct && engine.notifies {
		s.news = make(chan struct{}, 1)
		s.listening.Go(func() { s.listen(hearing, listening) })
	}
	return nil
}

// prepare brings the schema up to date and says what the engine can do.
func (s *Store) prepare(ctx context.Context, config *pgxpool.Config, files fs.FS) (e engine, err error) {
	schema, err := newSchema(files)
	if err != nil {
		return e, err
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return e, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := schema.migrate(ctx, conn, config.ConnConfig, s.log); err != nil {
		return e, err
	}
	if err := unfinished(ctx, conn); err != nil {
		return e, err
	}
	return ask(ctx, conn)
}

// release closes what is open.
func (s *Store) release() {
	for _, p := range []*pool{s.hot, s.cold, s.write} {
		if p != nil {
			p.close()
		}
	}
	s.stop()
}

// Close writes what was accepted, waits for reads that are under way and closes
// the connections.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.queue.close()
		s.writing.Wait()
		s.deafen()
		s.listening.Wait()
		s.release()
	})
	return nil
}

// Healthy is nil: what is wrong with the database is for its own tools to find.
// That it cannot be reached shows in every call.
func (s *Store) Healthy() error { return nil }

// Stats counts what the writers did since Open.
type Stats struct {
	Commits uint64 // transactions that were made durable
	Sets    uint64 // write sets in them
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	return Stats{Commits: s.queue.commits.Load(), Sets: s.queue.sets.Load()}
}
