// Package audit says what happened: who did what, when, from where, over which
// dialect, and why it was allowed or refused.
//
// It owns the event, its one encoding (a line of JSON), and the hash chain that
// ties batches of events together, so that a store keeps bytes and needs to know
// nothing of them. It never sees a secret: an [Event] has no field for one, and
// what an outsider claimed as a name goes through [Claim] first.
//
// A store writes the events of one commit as one batch. That costs one row for
// 64 logins instead of 64, and it is what the chain covers: changing, removing
// or reordering a batch breaks every link after it. What the chain cannot tell by
// itself, where it begins and how far it came, a [Seal] does.
package audit
