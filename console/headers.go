package console

import (
	"embed"
	"net/http"
)

//go:embed static
var staticFiles embed.FS

// policy is the Content-Security-Policy (CSP level 3) of every answer: the console's own
// style, script and icon, forms to the console alone, and nobody's frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// guard sets the headers of every answer.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
}

// static serves style, script and icon. There is nothing secret in them, and a browser
// asks each time whether they have changed with the program.
func static() http.Handler {
	files := http.FileServerFS(staticFiles)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guard(w.Header())
		if r.URL.Path == "/static/" { // no list of files
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})
}

// maxForm bounds what a form may send, in bytes.
const maxForm = 64 << 10

// ServeHTTP answers one request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	guard(w.Header())
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c.mux.ServeHTTP(w, r)
}
