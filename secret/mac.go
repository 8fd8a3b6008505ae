package secret

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// mac computes HMAC-SHA-256 under one key without allocating.
//
// An hmac that has been Reset once keeps the state it has after the key's block,
// inner and outer; a reused one therefore costs two compressions instead of
// four. The pool holds such states. The buffers travel with the state because
// what is passed to an interface's method would otherwise be moved to the heap.
type mac struct{ pool sync.Pool }

type macState struct {
	h   hash.Hash
	in  [64]byte
	out Digest
}

func newMAC(key []byte) *mac {
	m := new(mac)
	m.pool.New = func() any { return &macState{h: hmac.New(sha256.New, key)} }
	return m
}

// sum returns the HMAC of msg, of any length.
func sum[T string | []byte](m *mac, msg T) Digest {
	s := m.pool.Get().(*macState)
	s.h.Reset()
	for len(msg) > 0 {
		n := copy(s.in[:], msg)
		_, _ = s.h.Write(s.in[:n]) // a hash.Hash never returns an error
		msg = msg[n:]
	}
	s.h.Sum(s.out[:0])
	d := s.out
	m.pool.Put(s)
	return d
}

// blocks lends buffers for a single AES block, for the same reason.
var blocks = sync.Pool{New: func() any { return new([16]byte) }}

func encrypt(c cipher.Block, b [16]byte) [16]byte { return oneBlock(c.Encrypt, b) }
func decrypt(c cipher.Block, b [16]byte) [16]byte { return oneBlock(c.Decrypt, b) }

func oneBlock(f func(dst, src []byte), b [16]byte) [16]byte {
	p := blocks.Get().(*[16]byte)
	*p = b
	f(p[:], p[:])
	b = *p
	blocks.Put(p)
	return b
}
