package api

import "time"

// Session is a session of a key or user.
type Session struct {
	ID        int64      `json:"id"`
	Principal int64      `json:"principal" doc:"id of the key or user"`
	Kind      string     `json:"kind" enum:"key|user"`
	Subject   string     `json:"subject" doc:"name of the key, or login name"`
	Account   int64      `json:"account"`
	Path      []string   `json:"path" doc:"numbers, else codes, from the tenant down to the account"`
	Dialect   string     `json:"dialect"`
	App       string     `json:"app,omitempty"`
	Source    string     `json:"source" doc:"address that logged in"`
	Issued    time.Time  `json:"issued"`
	Ends      *time.Time `json:"ends,omitempty" doc:"if nothing else happens; none: time does not end it"`
	EndsBy    string     `json:"ends_by" enum:"never|span|idle|uses|replaced" doc:"what ends it then"`
	Cap       *time.Time `json:"cap,omitempty" doc:"however much it is used"`
	UsesLeft  int        `json:"uses_left,omitempty"`
	LastUsed  *time.Time `json:"last_used,omitempty" doc:"as far as this node knows"`
	Live      bool       `json:"live" doc:"false: over, and soon forgotten"`
}

// SessionQuery says which sessions are listed.
type SessionQuery struct {
	Page
	Key     int64  `query:"key" doc:"of this key"`
	User    int64  `query:"user" doc:"of this user"`
	Account int64  `query:"account" doc:"of this account and those below it"`
	Dialect string `query:"dialect" doc:"that it was begun over"`
	Live    bool   `query:"live" doc:"not those that are over"`
}

// EndAll names exactly one of key, user and account.
type EndAll struct {
	Key     int64 `json:"key,omitempty" doc:"of this key"`
	User    int64 `json:"user,omitempty" doc:"of this user"`
	Account int64 `json:"account,omitempty" doc:"of this account and all below it"`
	DryRun  bool  `json:"dry_run,omitempty" doc:"only say how many"`
	Note
}

// Ended is how many sessions ended.
type Ended struct {
	Ended  int  `json:"ended"`
	DryRun bool `json:"dry_run,omitempty"`
}

// Lock is what is remembered of failures under a name or from an address.
type Lock struct {
	Lock     string     `json:"lock" doc:"its own name, for lift"`
	Mount    string     `json:"mount,omitempty"`
	Kind     string     `json:"kind,omitempty" enum:"|account|user|nameless from|address" doc:"what the name is of"`
	Name     string     `json:"name" doc:"as it was claimed"`
	Known    bool       `json:"known" doc:"somebody of that name exists; false for an address"`
	Account  int64      `json:"account,omitempty" doc:"whose name it is, where that is known"`
	Counted  string     `json:"counted" enum:"name|address" doc:"what failures are counted by"`
	Failures int        `json:"failures"`
	Limit    string     `json:"limit" enum:"names|addresses" doc:"which of the mount's limits counts and locks, as its lockout names them"`
	Allowed  int        `json:"allowed,omitempty" doc:"how many failures lock, by that limit as it is now; none: there is no such mount any more"`
	Window   Span       `json:"window,omitempty" doc:"within which: of a name since the newest failure, of an address since the first"`
	LockFor  Span       `json:"lock_for,omitempty" doc:"how long a lock lasts"`
	First    *time.Time `json:"first,omitempty" doc:"failure that counts; none: the audit does not tell"`
	Newest   *time.Time `json:"newest,omitempty" doc:"failure that counts; none: the audit does not tell"`
	Source   string     `json:"source,omitempty" doc:"address that the newest failure came from; none: the audit does not tell"`
	Until    *time.Time `json:"until,omitempty" doc:"none: failures are counted, and it is not locked yet"`
}

// LockQuery says which locks are listed.
type LockQuery struct {
	Page
	Name     string `query:"name" doc:"only those of this name or address"`
	Failures bool   `query:"failures" doc:"also what is not locked yet"`
}

// LockLifting names exactly one of lock and name.
type LockLifting struct {
	Lock string `json:"lock,omitempty" doc:"one, as the list names it"`
	Name string `json:"name,omitempty" doc:"all of this name or address, at every mount"`
	Note
}

// Lifted is how many locks were lifted.
type Lifted struct {
	Lifted int `json:"lifted"`
}

// Event is an entry of the audit.
type Event struct {
	ID      string    `json:"id" doc:"batch and place in it"`
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Tenant  string    `json:"tenant,omitempty"`
	Account string    `json:"account,omitempty" doc:"number, else code"`
	Subject string    `json:"subject,omitempty"`
	Actor   string    `json:"actor,omitempty" doc:"who acted, where that is not the subject"`
	Dialect string    `json:"dialect,omitempty"`
	Mount   string    `json:"mount,omitempty"`
	Source  string    `json:"source,omitempty"`
	Request string    `json:"request,omitempty" doc:"as in the log"`
	Reason  string    `json:"reason,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Session int64     `json:"session,omitempty"`
	Count   int       `json:"count,omitempty"`
}

// EventFilter says which events are meant; all that is stated must hold.
type EventFilter struct {
	Kind    string    `query:"kind" doc:"such as login, refusal, lock, change, revocation or export"`
	Tenant  string    `query:"tenant" doc:"code"`
	Account string    `query:"account" doc:"number, else code, as the event has it"`
	Subject string    `query:"subject" doc:"name of the key, or login name"`
	Actor   string    `query:"actor" doc:"who acted: account and name, or local: and a name"`
	Dialect string    `query:"dialect" doc:"over which it came; admin for administration"`
	Mount   string    `query:"mount" doc:"by its name"`
	Source  string    `query:"source" doc:"address"`
	Request string    `query:"request" doc:"its id, as in the log"`
	Reason  string    `query:"reason" doc:"of a refusal or an end; of a change the operation"`
	Session int64     `query:"session" doc:"its id"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until" doc:"this instant not included"`
}

// AuditQuery searches the audit.
type AuditQuery struct {
	Page
	EventFilter
}

// AuditRange says what of the audit is exported.
type AuditRange struct {
	EventFilter
}

// VerifyQuery says from where the chain is walked.
type VerifyQuery struct {
	After string `query:"after" doc:"where to go on: next of the answer before"`
	Head  string `query:"head" doc:"a head that was noted before, and must still be there"`
}

// Verified is what a walk of the chain found.
type Verified struct {
	OK      bool   `json:"ok"`
	First   int64  `json:"first,omitempty" doc:"oldest batch that is kept"`
	Last    int64  `json:"last,omitempty" doc:"batch that it came to"`
	Batches int    `json:"batches"`
	Events  int    `json:"events"`
	Broken  int64  `json:"broken,omitempty" doc:"the first batch that is missing, altered or does not follow; none though not ok: the audit is not sealed"`
	Reason  string `json:"reason,omitempty"`
	Sealed  int64  `json:"sealed,omitempty" doc:"batch up to which the key set vouches for the audit; none: no batch is sealed yet, and it vouches for the beginning alone"`
	Head    string `json:"head,omitempty" doc:"place and link of the last batch: note it elsewhere, and a later walk tells whether anything before it was taken away"`
	Next    string `json:"next,omitempty" doc:"there is more: pass it as after"`
}

// UsageQuery says whose usage is listed.
type UsageQuery struct {
	Account int64 `query:"account" doc:"of this account and those below it; 0: all in reach"`
	Limit   int   `query:"limit" zero:"no" doc:"at most 1000; 100 if not stated"`
}

// Usage is a ranking.
type Usage struct {
	Since time.Time  `json:"since" doc:"of what is counted"`
	Items []UsageRow `json:"items" doc:"who logs in without need or is refused most, first"`
}

// UsageRow is how a key or user used its sessions.
type UsageRow struct {
	Principal      int64      `json:"principal"`
	Kind           string     `json:"kind" enum:"key|user"`
	Subject        string     `json:"subject"`
	Account        int64      `json:"account"`
	Path           []string   `json:"path"`
	Dialects       []Dialogue `json:"dialects" doc:"what it logged in over, the busiest first"`
	Logins         int64      `json:"logins" doc:"over all dialects; sign-ins to the console are none"`
	WhileLive      int64      `json:"while_live" doc:"logins while the session before still lived: these would not have been needed"`
	WhileLiveShare float64    `json:"while_live_share" doc:"of all logins, from 0 to 1"`
	Refused        int64      `json:"refused" doc:"logins besides that were refused although the secret was right, for fair use or a cap of sessions; not those that were refused before it was looked at"`
	Checks         int64      `json:"checks" doc:"calls"`
	LoginsPerCheck float64    `json:"logins_per_check" doc:"1 or more: it logs in before every call"`
	NeverUsed      int64      `json:"never_used" doc:"logins whose token no call over this server was made with so far, however the session ended or whether it did"`
	AgeAtLastUse   Span       `json:"age_at_last_use" doc:"from login to the last use so far, on average of the others"`
	CostCommits    int64      `json:"cost_commits" doc:"of the logins while the session before still lived: writes that had to be durable before the answer"`
	CostRows       int64      `json:"cost_rows" doc:"of them: rows of sessions, of the audit and of sign-ins"`
	CostHashing    Span       `json:"cost_hashing" doc:"of them: a processor's time for passwords, each at the quickest that one took; API keys are not hashed"`
	LastLogin      time.Time  `json:"last_login" doc:"0001-01-01T00:00:00Z: all were refused"`
	Sources        []SourceOf `json:"sources" doc:"the busiest addresses"`
}

// Dialogue is a dialect and the logins over it.
type Dialogue struct {
	Dialect   string `json:"dialect"`
	Logins    int64  `json:"logins"`
	WhileLive int64  `json:"while_live" doc:"logins while the session before still lived, whichever dialect that was of"`
}

// SourceOf is an address and its logins.
type SourceOf struct {
	Address string `json:"address"`
	Logins  int64  `json:"logins"`
}

// Server is what runs.
type Server struct {
	Version string    `json:"version"`
	Now     time.Time `json:"now"`
	Healthy bool      `json:"healthy"`
	Trouble string    `json:"trouble,omitempty"`
	Mounts  []Mount   `json:"mounts"`
	You     You       `json:"you"`
}

// You is who asks.
type You struct {
	Subject string   `json:"subject"`
	Path    []string `json:"path,omitempty"`
	Power
}

// Mount is a dialect where it is mounted.
type Mount struct {
	Name       string   `json:"name"`
	Dialect    string   `json:"dialect"`
	Title      string   `json:"title,omitempty"`
	Hosts      []string `json:"hosts,omitempty" doc:"none: every host"`
	Prefix     string   `json:"prefix"`
	Tenant     string   `json:"tenant,omitempty" doc:"none: every tenant"`
	Life       Life     `json:"life" doc:"of sessions, where the key or user has no policy"`
	FairUse    int      `json:"fair_use,omitempty" doc:"logins an hour while a session lives; none: no budget"`
	FairAnswer string   `json:"fair_answer" enum:"report|warn|delay|refuse"`
}
