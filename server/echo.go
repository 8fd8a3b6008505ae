package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/gate"
)

// echo is the API behind the demo's gate. It answers with what reached it, so
// that one sees what an API is told of its caller and that no credential came
// through.
func echo(w http.ResponseWriter, r *http.Request) {
	said := struct {
		Method   string              `json:"method"`
		Path     string              `json:"path"`
		Query    map[string][]string `json:"query"`
		Identity map[string]string   `json:"identity"`
	}{r.Method, r.URL.Path, r.URL.Query(), map[string]string{}}
	for _, name := range []string{gate.AccountHeader, gate.SubjectHeader, gate.SessionHeader, gate.DialectHeader} {
		said.Identity[name] = strings.Join(r.Header.Values(name), ", ")
	}
	if signed := r.Header.Get(gate.AssertionHeader); signed != "" { // only where it was asked for
		said.Identity[gate.AssertionHeader] = signed
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(said) // a client that hung up cannot be told
}
