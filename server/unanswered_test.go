package server

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// A client that is told to try again sends its message twice: no dialect says so of
// a call that the API may have carried out.
func TestNoDialectPromisesAnything(t *testing.T) {
	service := before(t, "http://127.0.0.1:1").Server.service
	for _, def := range Dialects() {
		d, err := def.New(dialect.Config{Service: service, Mount: def.Mount(def.Name, "")})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/x", "/Sbt.App.SetUp/WSServices/MessageWSService.svc", "/SBT.App.SetUp/RSServices/X.svc/SendMessage", "/api.php", "/api-sl.php"} {
			w := httptest.NewRecorder()
			d.Refuse(w, httptest.NewRequest(http.MethodPost, path, nil), auth.Refuse(auth.Unavailable, errors.Join(errors.New("EOF"), dialect.ErrUnanswered)))
			said := strings.ToLower(w.Body.String())
			for _, promise := range []string{"try again", "did nothing", "temporarily", "later"} {
				if strings.Contains(said, promise) {
					t.Errorf("%s at %s says %s", def.Name, path, said)
				}
			}
			if !strings.Contains(said, "carried out") || w.Header().Get("Retry-After") != "" {
				t.Errorf("%s at %s says %v %s", def.Name, path, w.Header(), said)
			}
		}
	}
}
