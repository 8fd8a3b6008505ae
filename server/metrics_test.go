package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sallyport/sallyport/config"
)

// demoSetup is what a test may change before the start.
type demoSetup struct {
	*config.Config
	Options
}

// leadTo puts an API behind the reverse proxy.
func (d *demoSetup) leadTo(t *testing.T, api http.HandlerFunc) {
	t.Helper()
	behind := httptest.NewServer(api)
	t.Cleanup(behind.Close)
	r := config.Route{Name: "api", Upstream: behind.URL}
	r.SetDefaults()
	d.Routes = []config.Route{r}
}

// watched is a server with every dialect, the demo's customers and an API behind
// it, that believes what a proxy on this machine says and answers administrators.
func watched(t *testing.T, adjust func(*demoSetup)) *Server {
	t.Helper()
	cfg, err := demoConfig(DemoOptions{Addr: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := applyDemo(t.Context(), cfg, t.Output()); err != nil {
		t.Fatal(err)
	}
	cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	setup := demoSetup{cfg, Options{Log: t.Output()}}
	setup.leadTo(t, echo)
	if adjust != nil {
		adjust(&setup)
	}
	s, err := New(t.Context(), setup.Config, setup.Options)
	if err != nil {
		t.Fatal(err)
	}
	running(t, s)
	return s
}

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, s *Server) map[string]*dto.MetricFamily {
	t.Helper()
	res, err := http.Get("http://" + s.AdminAddr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("answered %d", res.StatusCode)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value is a counter or gauge, or the count of a histogram, with the given labels.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range families[name].GetMetric() {
		fits := len(m.GetLabel()) == len(labels)/2
		for i := 0; i < len(labels); i += 2 {
			fits = fits && slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool {
				return l.GetName() == labels[i] && l.GetValue() == labels[i+1]
			})
		}
		if fits {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	t.Errorf("there is no %s with %v", name, labels)
	return -1
}

// through sends a later call by way of the proxy on this machine.
func through(t *testing.T, s *Server, r *http.Request) (int, string) {
	t.Helper()
	r = r.Clone(t.Context())
	r.Header.Set("X-Forwarded-Proto", "https")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// What happens is counted: logins, checks, refusals, locks, revocations.
func TestMetricsCount(t *testing.T) {
	s := watched(t, nil)
	r := loggedIn(t, s, "electa")
	r.Header.Del("sallyport_account")
	for range 3 {
		if status, body := through(t, s, r); status != 200 || !strings.Contains(body, "123456") {
			t.Fatalf("answered %d: %s", status, body)
		}
	}
	wrong := r.Clone(t.Context())
	wrong.URL.RawQuery = "cid=123456&token=wrong"
	through(t, s, wrong)
	families := scrape(t, s)
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"sallyport_logins_total", []string{"mount", "electa", "dialect", "electa", "outcome", "ok"}, 1},
		{"sallyport_checks_total", []string{"mount", "electa", "dialect", "electa", "outcome", "ok"}, 3},
		{"sallyport_gate_verdicts_total", []string{"face", "proxy", "outcome", "ok"}, 3},
		{"sallyport_gate_verdicts_total", []string{"face", "proxy", "outcome", "unknown-token"}, 1},
		{"sallyport_gate_verdicts_total", []string{"face", "introspection", "outcome", "ok"}, 0},
		{"sallyport_session_cache_hits_total", nil, 3},
		{"sallyport_session_cache_misses_total", nil, 0},
		{"sallyport_sessions_cached", nil, 1},
		{"sallyport_identities_cached", nil, 1},
		{"sallyport_guard_locks", nil, 0},
		{"sallyport_password_hashes_waiting", nil, 0},
		{"sallyport_audit_events_total", []string{"kind", "login"}, 1},
		{"sallyport_store_errors_total", []string{"operation", "apply"}, 0},
	} {
		if got := value(t, families, c.name, c.labels...); got != c.want {
			t.Errorf("%s%v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	for _, name := range []string{"go_goroutines", "process_start_time_seconds", "go_build_info"} {
		if families[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	if n := value(t, families, "sallyport_store_operation_duration_seconds", "operation", "apply"); n < 1 {
		t.Errorf("%v writes took their time", n)
	}
	if age := value(t, families, "sallyport_feed_age_seconds"); age < 0 || age > 60 {
		t.Errorf("the feed was heard of %v s ago", age)
	}
}

// Names and units are as Prometheus asks for, and labels are words of ours: what
// clients send makes no series.
func TestMetricsAreWellNamedAndFew(t *testing.T) {
	s := watched(t, nil)
	before := scrape(t, s)
	for i := range 30 {
		name := fmt.Sprintf("stranger-%d", i)
		for _, path := range []string{"/Token?cid=" + name + "&appkey=" + name, "/" + name + "?token=" + name + "&cid=7", "/-/check", "/oauth2/token"} {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Addr().String()+path, nil)
			r.Host = name + ".example"
			r.Header.Set("Authorization", "Bearer "+name)
			through(t, s, r)
		}
	}
	after := scrape(t, s)
	series := func(families map[string]*dto.MetricFamily) (n int, list []*dto.MetricFamily) {
		for name, f := range families {
			if strings.HasPrefix(name, "sallyport_") {
				n += len(f.GetMetric())
				list = append(list, f)
			}
		}
		return n, list
	}
	few, _ := series(before)
	many, list := series(after)
	// Each mount has a series for each outcome, of logins and of checks.
	if most := 250 + 40*len(Dialects()); few > many || many > most {
		t.Errorf("%d series became %d, more than %d", few, many, most)
	}
	for _, f := range list {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if strings.Contains(l.GetValue(), "stranger") {
					t.Errorf("%s has a label %s=%q", f.GetName(), l.GetName(), l.GetValue())
				}
			}
		}
	}
	problems, err := promlint.NewWithMetricFamilies(list).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// The page that explains the metrics names all of them, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/observing.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sallyport_[a-z_]+)` +\\| (counter|gauge|histogram) ").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]+" "+m[2]] = true
	}
	for name, f := range scrape(t, watched(t, nil)) {
		if !strings.HasPrefix(name, "sallyport_") {
			continue
		}
		line := name + " " + strings.ToLower(f.GetType().String())
		if !documented[line] {
			t.Errorf("docs/observing.md has no line for %s", line)
		}
		delete(documented, line)
	}
	for line := range documented {
		t.Errorf("docs/observing.md has a line for %s, which is not there", line)
	}
	for _, name := range regexp.MustCompile(`sallyport_[a-z_]+`).FindAllString(string(page), -1) {
		name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		if !regexp.MustCompile("(?m)^\\| `" + name + "` ").Match(page) {
			t.Errorf("docs/observing.md speaks of %s, which is not in its table", name)
		}
	}
}
