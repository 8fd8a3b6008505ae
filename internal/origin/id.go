package origin

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// ids makes request ids: a random prefix, so that those of two processes do not
// meet in one log, and a counter, so that making one costs next to nothing.
type ids struct {
	prefix string
	last   *atomic.Uint64
}

func newIDs() ids {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	return ids{prefix: hex.EncodeToString(b[:]) + "-", last: new(atomic.Uint64)}
}

// NewID is an id for one request: unique, printable, at most 26 bytes. It is
// never taken from the client, who could make two log lines look like one
// request. It is no secret and can be guessed.
func (o *Resolver) NewID() string {
	var b [32]byte
	id := append(b[:0], o.ids.prefix...)
	return string(strconv.AppendUint(id, o.ids.last.Add(1), 36))
}
