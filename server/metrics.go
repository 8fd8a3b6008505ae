package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sallyport/sallyport/auth"
)

// metrics turns the core's counters into Prometheus' when they are asked for. What
// they mean stands in docs/observing.md, which a test compares with them.
type metrics struct {
	service *auth.Service

	logins, checks, verdicts     *prometheus.Desc
	hits, misses                 *prometheus.Desc
	lag, age                     *prometheus.Desc
	sessions, identities         *prometheus.Desc
	guarded, locked, hashWaiting *prometheus.Desc
}

// newMetrics describes the metrics of a core.
func newMetrics(s *auth.Service) *metrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sallyport_"+name, help, labels, nil)
	}
	return &metrics{
		service:     s,
		logins:      d("logins_total", "Attempts to log in, redeemed hand-offs and sessions for delegates, by what came of them: ok, or the reason of the refusal.", "mount", "dialect", "outcome"),
		checks:      d("checks_total", "Checks of credentials, by the mount that knew it, else by the one that answered. Calls are counted in sallyport_gate_verdicts_total, those without a credential too.", "mount", "dialect", "outcome"),
		verdicts:    d("gate_verdicts_total", "Calls checked, by the way in which they came and what came of them. none: no dialect was asked.", "face", "outcome"),
		hits:        d("session_cache_hits_total", "Good checks that needed nothing from the store."),
		misses:      d("session_cache_misses_total", "Good checks for which the store was asked."),
		lag:         d("revocation_lag_seconds", "From the announcement of an end or change, by the store's clock, to this node obeying it."),
		age:         d("feed_age_seconds", "Since this node last heard of the feed of ended sessions. From 1 s on it asks the store for every check."),
		sessions:    d("sessions_cached", "Live sessions in memory."),
		identities:  d("identities_cached", "Keys and users in memory."),
		guarded:     d("guard_entries", "Names and addresses with failures that count."),
		locked:      d("guard_locks", "Names and addresses that are locked now."),
		hashWaiting: d("password_hashes_waiting", "Logins that wait for a password to be hashed."),
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.logins, m.checks, m.verdicts, m.hits, m.misses, m.lag, m.age, m.sessions, m.identities, m.guarded, m.locked, m.hashWaiting} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	s := m.service.Stats()
	for i := range s.Mounts {
		at := &s.Mounts[i]
		count(to, m.logins, at.Logins, at.Mount, at.Dialect)
		count(to, m.checks, at.Checks, at.Mount, at.Dialect)
	}
	for f, outcomes := range s.Verdicts {
		count(to, m.verdicts, outcomes, auth.Face(f).String())
	}
	to <- prometheus.MustNewConstMetric(m.hits, prometheus.CounterValue, float64(s.FromMemory))
	to <- prometheus.MustNewConstMetric(m.misses, prometheus.CounterValue, float64(s.FromStore))
	to <- constHistogram(m.lag, &s.RevocationLag)
	for d, value := range map[*prometheus.Desc]float64{
		m.age: s.FeedAge.Seconds(), m.sessions: float64(s.CachedSessions), m.identities: float64(s.Identities),
		m.guarded: float64(s.Guarded), m.locked: float64(s.Locked), m.hashWaiting: float64(s.HashesWaiting),
	} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}

// count says each outcome. The labels' values are names of the configuration and
// words of ours.
func count(to chan<- prometheus.Metric, d *prometheus.Desc, outcomes auth.Outcomes, labels ...string) {
	for reason, n := range outcomes {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), append(labels[:len(labels):len(labels)], outcomeLabel(reason))...)
	}
}

func outcomeLabel(r auth.Reason) string {
	if r == "" {
		return "ok"
	}
	return string(r)
}

func constHistogram(d *prometheus.Desc, h *auth.Histogram) prometheus.Metric {
	buckets, total := map[float64]uint64{}, uint64(0)
	for i, n := range h.Counts {
		total += n
		if i < len(h.Bounds) {
			buckets[h.Bounds[i].Seconds()] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, h.Sum.Seconds(), buckets)
}

// scrapeTimeout bounds one answer of /metrics.
const scrapeTimeout = 10 * time.Second

// metricsHandler answers /metrics.
func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: scrapeTimeout, ErrorHandling: promhttp.ContinueOnError})
}

// newRegistry knows what Go and the system say of the process.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return r
}
