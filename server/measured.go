package server

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// measured is the store with a stopwatch: how long what it does takes, what fails,
// and what it writes into the audit. With traces, writes are in them.
type measured struct {
	auth.Store
	tracing *tracing // nil: off

	apply, update, session operation
	events                 map[audit.Kind]prometheus.Counter
}

// operation is what is told of one of the store's methods.
type operation struct {
	name   string
	took   prometheus.Observer
	failed prometheus.Counter
}

// storeBuckets are from a read out of memory to a disk that is not well, in
// seconds.
var storeBuckets = []float64{25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5}

// auditKinds are the kinds of events, so that each has its counter from the start.
var auditKinds = [...]audit.Kind{audit.Login, audit.Refusal, audit.Logout, audit.Revocation, audit.Lock, audit.FairUse, audit.HandOff, audit.Change, audit.Export}

// measure wraps a store and tells r about it.
func measure(s auth.Store, r prometheus.Registerer, t *tracing) *measured {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "sallyport_store_operation_duration_seconds",
		Help: "How long the store took: apply (what logins write, their commit included), update (administration), session (one read).", Buckets: storeBuckets}, []string{"operation"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_store_errors_total",
		Help: "What the store could not do. Of what was not found, or changed by somebody else meanwhile, nothing is counted."}, []string{"operation"})
	events := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sallyport_audit_events_total",
		Help: "Events that this process wrote into the audit, by kind."}, []string{"kind"})
	r.MustRegister(took, failed, events)
	of := func(name string) operation {
		return operation{"store " + name, took.WithLabelValues(name), failed.WithLabelValues(name)}
	}
	m := &measured{Store: s, tracing: t, apply: of("apply"), update: of("update"), session: of("session"), events: map[audit.Kind]prometheus.Counter{}}
	for _, k := range auditKinds {
		m.events[k] = events.WithLabelValues(string(k))
	}
	return m
}

// done tells how an operation went that began then.
func (o *operation) done(began time.Time, err error) {
	o.took.Observe(auth.SystemClock().Sub(began).Seconds())
	if err != nil && !errors.Is(err, auth.ErrNotFound) && !errors.Is(err, auth.ErrConflict) && !errors.Is(err, context.Canceled) {
		o.failed.Inc()
	}
}

// recorded counts an event once it is durable.
func (m *measured) recorded(k audit.Kind) {
	if c := m.events[k]; c != nil {
		c.Inc()
	}
}

// Session implements auth.Store.
func (m *measured) Session(ctx context.Context, id auth.SessionID) (auth.SessionRow, error) {
	began := auth.SystemClock()
	row, err := m.Store.Session(ctx, id)
	m.session.done(began, err)
	return row, err
}

// Apply implements auth.Store.
func (m *measured) Apply(ctx context.Context, w *auth.WriteSet) (auth.Result, error) {
	ctx, end := m.tracing.write(ctx, m.apply.name)
	began := auth.SystemClock()
	r, err := m.Store.Apply(ctx, w)
	m.apply.done(began, err)
	end(err)
	if err == nil {
		for i := range w.Events {
			m.recorded(w.Events[i].Kind)
		}
	}
	return r, err
}

// Update implements auth.Store.
func (m *measured) Update(ctx context.Context, f func(auth.Tx) error) error {
	ctx, end := m.tracing.write(ctx, m.update.name)
	began := auth.SystemClock()
	var kinds []audit.Kind
	err := m.Store.Update(ctx, func(tx auth.Tx) error {
		kinds = kinds[:0] // it may be called again
		return f(&recording{tx, &kinds})
	})
	m.update.done(began, err)
	end(err)
	if err == nil {
		for _, k := range kinds {
			m.recorded(k)
		}
	}
	return err
}

// recording remembers what is recorded in a transaction.
type recording struct {
	auth.Tx
	kinds *[]audit.Kind
}

// Record implements auth.Tx.
func (r *recording) Record(e audit.Event) error {
	err := r.Tx.Record(e)
	if err == nil {
		*r.kinds = append(*r.kinds, e.Kind)
	}
	return err
}
