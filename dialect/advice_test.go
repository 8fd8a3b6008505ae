package dialect_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// A client is told of its budget only where the mount says so, and only when it is over it.
func TestAdviceIsPassedOn(t *testing.T) {
	for _, c := range []struct {
		answer       auth.FairAnswer
		advice       auth.Advice
		limit, until string
	}{
		{auth.AnswerWarn, auth.Advice{Budget: 60, Until: 90*time.Second + time.Millisecond}, `"logins";q=60;w=3600`, `"logins";r=0;t=91`},
		{auth.AnswerWarn, auth.Advice{}, "", ""},
		{auth.AnswerReport, auth.Advice{Budget: 60, Until: time.Minute}, "", ""},
		{auth.AnswerDelay, auth.Advice{Budget: 60, Until: time.Minute}, "", ""},
	} {
		for _, status := range []int{0, http.StatusOK, http.StatusFound} {
			r := newRouter(nil)
			m, d := newElecta(t, "electa")
			m.FairUse.Answer = c.answer
			mustMount(t, r, nil, "", m, withRoutes{d, func(mux dialect.Mux) {
				mux.Handle("/in", func(w http.ResponseWriter, _ *http.Request, from auth.Origin) {
					if from.Advice != nil {
						*from.Advice = c.advice
					}
					if status != 0 {
						w.WriteHeader(status)
					}
					_, _ = w.Write([]byte("token"))
				})
			}})
			req := httptest.NewRequest(http.MethodGet, "/in", nil)
			h, ok := r.Handler(req)
			if !ok {
				t.Fatal("the router does not know the path")
			}
			reply := httptest.NewRecorder()
			h.ServeHTTP(reply, req)
			got := reply.Result().Header
			if got.Get("RateLimit-Policy") != c.limit || got.Get("RateLimit") != c.until {
				t.Errorf("%q, status %d: policy %q, limit %q", c.answer, status, got.Get("RateLimit-Policy"), got.Get("RateLimit"))
			}
		}
	}
}
