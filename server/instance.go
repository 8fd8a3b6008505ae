package server

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/secret"
	"github.com/sallyport/sallyport/store/postgres"
)

// instancePath is where a listener shows which server it is, to whoever holds its key
// set: sallyport doctor asks there.
const instancePath = "/-/instance"

// claim is what a proof is about: which listener of which server answers a challenge.
// Who holds the key set makes it anew and compares. Both sides draw: the one who asks,
// so that no old answer does; the one who answers, so that two answers to one challenge
// never tell a stranger that they are one server's.
type claim struct {
	challenge, drawn string // 32 bytes each, in hexadecimal
	listener         string // as the configuration calls it
	port             int    // so that nobody leads a challenge on to the real server
	database         string
}

// drawnSize is how much each side draws, in bytes.
const drawnSize = 32

func draw() string {
	var b [drawnSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// text is what is proved. Only the last field can hold a line feed.
func (c *claim) text() []byte {
	return []byte(strings.Join([]string{c.challenge, c.drawn, c.listener, strconv.Itoa(c.port), c.database}, "\n"))
}

// sameDatabase is a name of a database that the server and who examines it both come
// to, from wherever they were called.
func sameDatabase(name string) string {
	if postgres.Is(name) {
		return name
	}
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	if followed, err := filepath.EvalSymlinks(name); err == nil {
		name = followed
	}
	return name
}

// instance answers challenges to one of the listeners. A stranger learns nothing.
func (s *Server) instance(listener string, at func() net.Addr) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		challenge := r.URL.Query().Get("challenge")
		if raw, err := hex.DecodeString(challenge); err != nil || len(raw) != drawnSize {
			status(w, r, http.StatusBadRequest, "send a challenge: 32 bytes in hexadecimal\n")
			return
		}
		c := claim{challenge: challenge, drawn: draw(), listener: listener, database: sameDatabase(s.cfg.Data)}
		if tcp, ok := at().(*net.TCPAddr); ok {
			c.port = tcp.Port
		}
		proof := s.service.Keys().Proof(c.text())
		status(w, r, http.StatusOK, c.drawn+" "+hex.EncodeToString(proof[:])+"\n")
	}
}

// proved says whether an answer of an instance is one, and whether it proves a claim.
func (c *claim) proved(answer string, keys *secret.Keys) (is, ok bool) {
	drawn, rest, _ := strings.Cut(strings.TrimSuffix(answer, "\n"), " ")
	random, err := hex.DecodeString(drawn)
	raw, rawErr := hex.DecodeString(rest)
	if err != nil || rawErr != nil || len(random) != drawnSize || len(raw) != len(secret.Digest{}) {
		return false, false
	}
	c.drawn = drawn
	return true, keys.Proves(c.text(), secret.Digest(raw))
}
