package auth

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/secret"
)

// Store keeps what must survive. Every sentence here is a contract that
// store/storetest tests.
//
// All methods may be called from many goroutines. All times are UTC, in whole
// microseconds; a zero time stays a zero time. A missing row is [ErrNotFound],
// never a nil or zero value. What a method wrote is durable when it returns:
// it survives kill -9 and loss of power. When it returns an error, nothing of it
// was written. Errors are wrapped with what was tried and hold no secret.
// No method waits for an unbounded queue: when too much waits, it returns
// [ErrBusy] at once. After Close every method returns [ErrClosed].
type Store interface {
	// Session reads one live or expired session. Rows that were ended are gone.
	// It never waits for a writer and sees everything that Apply and Update
	// returned for before it was called.
	Session(ctx context.Context, id SessionID) (SessionRow, error)

	// HandOff reads one hand-off that was not redeemed.
	HandOff(ctx context.Context, id SessionID) (HandOffRow, error)

	// Apply writes one write set, all of it or nothing. Sets that wait at the
	// same time are committed together, in the order in which they came, each
	// seeing what those before it wrote. A condition that does not hold is
	// ErrConflict and leaves the others of the commit alone. An id that is taken
	// is ErrExists. When ctx ends before the commit, the error is that of ctx and
	// the set may still be written: the outcome is not known.
	Apply(ctx context.Context, w *WriteSet) (Result, error)

	// Lease reserves n ids for this process and returns the first. No id is ever
	// leased twice, and a later lease is of larger ids, also than those of all
	// sessions and hand-offs there are: so that a store that was set back to an
	// earlier state, and does not know of the latest leases, leases nothing that is
	// taken.
	Lease(ctx context.Context, n uint64) (SessionID, error)

	// Feed returns up to limit notices after the given position, in order.
	// Positions have no gap that is filled in later: whoever has seen position p
	// has seen all before it. A position whose notice is not kept, or is another
	// than the one with that mark, is ErrNotFound: the follower must forget what it
	// has cached and begin at FeedHead. All positions become so when the store may
	// have lost what it said was durable: a backup was restored, or a replica took
	// over that need not have had everything.
	Feed(ctx context.Context, after Position, limit int) ([]Notice, error)

	// FeedHead is the position of the newest notice; if there never was one, its
	// Seq is 0.
	FeedHead(ctx context.Context) (Position, error)

	// News receives soon after another process announced something, if the store
	// can tell: then it is worth asking Feed now and not in a while. It may miss
	// any, and receive for nothing. Of many at once it receives once. It may be nil.
	News() <-chan struct{}

	// Guards calls f for each guard row there is, at start.
	Guards(ctx context.Context, f func(GuardRow) error) error

	// GuardRows reads the guard rows of some keys, in any order; those of which there
	// is none are left out. It sees everything that Apply and Update returned for
	// before it was called.
	GuardRows(ctx context.Context, keys ...GuardKey) ([]GuardRow, error)

	// Latest is the live session of a principal that was begun last; of those
	// begun at nearly the same time it may be any.
	Latest(ctx context.Context, p PrincipalID, now time.Time) (SessionRow, error)

	// Live counts the live sessions that count against a cap, but no more than
	// most, which is above zero, and of more those that end last. It says when the
	// first of the counted ends by time, so that there are fewer; zero: none does.
	Live(ctx context.Context, c Capped, now time.Time, most int) (n int, first time.Time, err error)

	// Sweep removes a bounded part of what is over at now: sessions and
	// hand-offs that expired, guard rows and notices that are older than their
	// limits, audit batches past their retention. It says whether there is more.
	Sweep(ctx context.Context, now time.Time, keep Retention) (Swept, error)

	// Audit returns up to limit batches after position seq, in order.
	Audit(ctx context.Context, seq uint64, limit int) ([]audit.Batch, error)

	// AuditSeal is the text that SetAuditSeal or a Sweep put there last; "" before
	// there was one. What it says is the caller's.
	AuditSeal(ctx context.Context) (string, error)

	// SetAuditSeal puts a text in the place of old, or is ErrConflict if that is
	// not, or not any more, what is there.
	SetAuditSeal(ctx context.Context, old, text string) error

	Lister // what administrators look through

	// View calls f with a consistent snapshot of the records.
	View(ctx context.Context, f func(Reader) error) error

	// Update calls f in a transaction that is committed when f returns nil and
	// undone when it returns an error or panics. f does no hashing and no
	// network, and may be called again if the transaction could not be
	// committed for reasons of the store's own.
	Update(ctx context.Context, f func(Tx) error) error

	// Healthy is what the store has found to be wrong with itself while it was
	// open, nil if nothing. It asks nobody and returns at once.
	Healthy() error

	// Close waits for what was accepted and releases the store.
	Close() error
}

// WriteSet is what one operation changes, as a value, so that a store can
// commit many in one transaction. A store works through it in the order of the
// fields.
type WriteSet struct {
	Redeem   SessionID       // hand-off to remove; ErrConflict if it is not there (any more). 0: none
	Use      SessionID       // session to take one of its Uses from; ErrConflict if it is not there or does not count. The last one removes it as End does. 0: none
	Room     *Room           // ErrConflict if Live would count Most or more. Sets that ask for it under one cap take turns, if the tenant is there. nil: not asked
	Passes   []Pass          // ErrConflict if a row is locked after At
	Guards   []GuardChange   // ErrConflict if another row is there than Was, or one where Was is none; a change that removes leaves that alone. Each key once
	Takes    []Take          // ErrConflict if all is taken. Each key once
	Password *PasswordChange // ErrConflict is not raised: a lost race keeps the other's hash
	Begin    []SessionRow
	HandOffs []HandOffRow
	End      []End
	Touch    []Touch
	SignIns  []SignIn // ErrConflict if the step of one was used already; see SignIn. Each user once
	Used     []KeyUse
	Events   []audit.Event // one operation's, kept in order
}

// Capped says which sessions [Store].Live counts: those that began with that
// tenant in [SessionRow].Capped, over a dialect.
type Capped struct {
	Tenant  AccountID
	Dialect string
	Except  PrincipalID // but not those of this key or user; 0: of all
}

// Result is what a store says about an applied write set.
type Result struct {
	Ended int // how many live or expired sessions End, or the last Use, removed
}

// End removes sessions and announces it in the feed. Exactly one of Session,
// Principal and Account is set.
type End struct {
	Session   SessionID   // this one
	Principal PrincipalID // all of this key or user
	Account   AccountID   // all of this account and everything below it
	Except    SessionID   // with Principal: but not this one
}

// PasswordChange replaces a user's hash if it is still the one that was judged.
type PasswordChange struct {
	User     PrincipalID
	Old, New string
}

// Touch is the background note of how far a session was used. A session that is
// gone is left alone.
type Touch struct {
	Session SessionID
	Ends    time.Time // new Ends, of an idle span; an earlier one than is stored changes nothing
}

// SignIn notes a user's login. Neither time nor step of a user ever goes back: one with
// a step is ErrConflict unless the step is newer than the user's newest, so that a code
// opens one session, at however many nodes it is shown. The step alone decides, also
// where the second factor was removed meanwhile: the code was right when it was judged.
// Of a user who is gone no step can be used, which is ErrConflict as well. One without a
// step notes only the time, and leaves alone who is gone.
type SignIn struct {
	User PrincipalID
	At   time.Time
	Step int64 // of the second factor's code; 0: none was used
}

// KeyUse notes that a key logged in.
type KeyUse struct {
	Key PrincipalID
	At  time.Time
}

// GuardRow is what the guard remembers of one name or address, or what was taken of
// an allowance.
type GuardRow struct {
	Key      GuardKey
	Name     string // for people: mount and claimed name; "": an allowance
	Known    bool   // somebody of that name exists
	Failures int
	Last     time.Time // of the newest failure; for an address, of the first that counts
	Locked   time.Time // until; zero: not locked
	Forget   time.Time // from then on the row means nothing and may be swept
}

// NoticeKind is what a notice of the feed is about.
type NoticeKind uint8

// The kinds of notices. Their numbers are stored and never change.
const (
	EndedSession     NoticeKind = 1 // one session ended
	EndedPrincipal   NoticeKind = 2 // sessions of a key or user ended
	EndedAccount     NoticeKind = 3 // sessions in an account's subtree ended
	ChangedPrincipal NoticeKind = 4 // a key or user was created, altered or removed
	ChangedAccount   NoticeKind = 5 // an account was created, altered or removed; all below it is affected
	ChangedOther     NoticeKind = 6 // an app or policy was; ID is 0
	ChangedGuard     NoticeKind = 7 // locks were lifted by hand; ID is 0
)

// Notice is one entry of the feed: the ordered stream that every checking node
// follows to learn what it must not believe any more.
type Notice struct {
	Seq  uint64 // position, grows by one
	Mark uint64 // tells it from any other that may ever stand there, see [Position]
	Kind NoticeKind
	ID   uint64    // SessionID, PrincipalID or AccountID
	At   time.Time // when it was announced, just before its commit, by the store's own clock; zero: not known
}

// Retention is how long a store keeps what only serves people.
type Retention struct {
	Feed  time.Duration // notices; a follower that was away longer starts afresh
	Audit time.Duration // audit batches; 0: for ever

	// Reseal is asked before batches of the audit go: of the seal that is there, and
	// where the chain is with the newest of them. The text that it returns takes the
	// seal's place in the transaction in which they go. It uses no store. nil: the
	// seal stays as it is.
	Reseal func(seal string, gone audit.Head) string
}

// Swept is what one step of Sweep removed.
type Swept struct {
	Sessions, HandOffs, Guards, Notices, Batches int
	More                                         bool // call again soon
}

// Reader reads records: the nouns that administrators write.
type Reader interface {
	Pager
	Account(id AccountID) (Account, error)
	AccountByNumber(tenant AccountID, number int64) (Account, error)
	AccountsByNumber(number int64, most int) ([]Account, error)   // in any tenant, by id; 0 is nobody's number
	AccountByCode(tenant AccountID, code string) (Account, error) // tenant 0: the tenant of that code
	AccountsByCode(code string, most int) ([]Account, error)      // in any tenant, by id; "" is nobody's code
	Accounts(parent AccountID) ([]Account, error)                 // direct children by id; 0: the tenants
	Key(id PrincipalID) (Key, error)
	Keys(account AccountID) ([]Key, error) // by id
	KeyByDigest(digest secret.Digest) (Key, error)
	Peppers() ([]uint32, error) // all under which there are keys, ascending
	User(id PrincipalID) (User, error)
	UserByName(tenant AccountID, name string) (User, error)
	UsersByName(name string, most int) ([]User, error) // in any tenant, by id
	Users(account AccountID) ([]User, error)           // by id
	App(key string) (App, error)
	Apps(account AccountID) ([]App, error) // by key
	Policy(name string) (Policy, error)
	Policies() ([]Policy, error) // by name
}

// Tx writes records. Put creates a record whose ID is zero and sets the ID, or
// replaces the one with that ID (apps and policies go by key and name); a taken
// unique name is [Taken], an ID or an account that is not there ErrNotFound.
// An ID is never used again. Every Put and Delete announces itself in the feed,
// so that no caller can forget to. Accounts and users are put by [Account.Put] and
// [User.Put], which know since when they bear their names; a store keeps what it is
// given. Delete of an account needs it to be empty
// ([InUse]); Delete of a key or user ends its sessions.
type Tx interface {
	Reader
	PutAccount(a *Account) error
	PutKey(k *Key) error
	PutUser(u *User) error
	PutApp(a *App) error
	PutPolicy(p *Policy) error
	DeleteAccount(id AccountID) error
	DeleteKey(id PrincipalID) error
	DeleteUser(id PrincipalID) error
	DeleteApp(key string) error
	DeletePolicy(name string) error // InUse while a key or user names it
	End(e End) (int, error)
	ClearGuards(match func(GuardRow) bool) (int, error)
	Record(e audit.Event) error
}
