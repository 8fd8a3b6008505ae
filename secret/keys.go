package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
)

// maxKeys bounds a key set. A token whose form does not name its key (a GUID, a
// series) is tried under every key, so each old key has a price on every check.
const maxKeys = 32

// ErrTooManyKeys says that a key set is full: [Keys.Rotate] cannot add to it.
var ErrTooManyKeys = fmt.Errorf("secret: the key set has %d keys, its limit: "+
	"take out the oldest ones with Tink's tool (tinkey delete-key)", maxKeys)

// Keys is the server's key set. It never changes once made, is safe for
// concurrent use, and comes from [GenerateKeys], [LoadKeys], [Keys.Prepare] or
// [Keys.Rotate].
type Keys struct {
	handle *keyset.Handle // what the file holds, for Save and Rotate
	list   []*subkeys     // the primary, then the others, newest first
	waits  int            // how many after the primary are prepared
}

// subkeys is what one key of the set yields. Each use has a key of its own, so
// that no output of one can be presented as an output of another.
type subkeys struct {
	id        uint32 // Tink's key id: public, random, unique in the set
	pepper    *mac   // digests of API keys
	native    *mac   // FormNative's MAC
	guid      cipher.Block
	series    cipher.Block
	seriesMAC *mac
	hex       *mac   // FormHex's MAC
	seal      []byte // what the keys of each [Sealer] are expanded from
	signing   *mac   // seeds of [Keys.SigningKey]
	proof     *mac   // [Keys.Proof]
}

// GenerateKeys makes a key set with one fresh random key.
func GenerateKeys() (*Keys, error) {
	// HKDF (RFC 5869) is the PRF meant for what is done here: many keys out of one.
	h, err := keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("secret: generate a key: %w", err)
	}
	return newKeys(h)
}

// Prepare returns a set with a fresh key that verifies and makes nothing until
// [Keys.Rotate] puts it to use, so that every node can load it before one does. In
// the file it is a key after the primary one, which is how every version reads it.
// A set that has a prepared key is returned as it is. k itself does not change. The
// error is [ErrTooManyKeys] if k is full.
func (k *Keys) Prepare() (*Keys, error) {
	if k.waits > 0 {
		return k, nil
	}
	m := keyset.NewManagerFromHandle(k.handle)
	if _, err := m.Add(prf.HKDFSHA256PRFKeyTemplate()); err != nil {
		return nil, fmt.Errorf("secret: add a key: %w", err)
	}
	h, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("secret: prepare a key: %w", err)
	}
	return newKeys(h)
}

// Rotate returns a set whose primary is the prepared key, or a fresh one if none
// is prepared, in front of the keys of k, all of which still verify what they made.
// k itself does not change. The result has to be saved. Nodes that have loaded the
// prepared key know what it mints; a fresh one has to be loaded by all of them
// before one may use it. The error is [ErrTooManyKeys] if k is full.
func (k *Keys) Rotate() (*Keys, error) {
	k, err := k.Prepare()
	if err != nil {
		return nil, err
	}
	m := keyset.NewManagerFromHandle(k.handle)
	if err := m.SetPrimary(k.list[1].id); err != nil {
		return nil, fmt.Errorf("secret: make the new key primary: %w", err)
	}
	h, err := m.Handle()
	if err != nil {
		return nil, fmt.Errorf("secret: rotate keys: %w", err)
	}
	return newKeys(h)
}

// newKeys derives all subkeys, once: no Tink call is left for the hot path.
// Disabled keys are kept in the file and used for nothing.
func newKeys(h *keyset.Handle) (*Keys, error) {
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, fmt.Errorf("secret: use the keyset for PRF: %w", err)
	}
	if len(set.PRFs) > maxKeys {
		return nil, ErrTooManyKeys
	}
	k := &Keys{handle: h}
	ids, newer := []uint32{set.PrimaryID}, true
	for i := h.Len() - 1; i >= 0; i-- { // Tink appends: the last is the newest
		e, err := h.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("secret: read key %d of the set: %w", i, err)
		}
		switch {
		case e.IsPrimary():
			newer = false
		case e.KeyStatus() == keyset.Enabled:
			ids = append(ids, e.KeyID())
			if newer {
				k.waits++
			}
		}
	}
	for _, id := range ids {
		f, ok := set.PRFs[id]
		if !ok {
			return nil, errors.New("secret: the keyset has no enabled primary key")
		}
		s, err := derive(id, f)
		if err != nil {
			return nil, fmt.Errorf("secret: derive from key %d: %w", id, err)
		}
		k.list = append(k.list, s)
	}
	return k, nil
}

func derive(id uint32, f prf.PRF) (*subkeys, error) {
	// 32 bytes are an AES-256 key and a full-strength HMAC-SHA-256 key, and the
	// most that every PRF of Tink but AES-CMAC can give.
	// The labels are for ever: a changed one makes every stored digest worthless.
	var err error
	subkey := func(label string) []byte {
		b, e := f.ComputePRF([]byte("sallyport/v1/"+label), 32)
		err = errors.Join(err, e)
		return b
	}
	pepper, native := subkey("api-key-pepper"), subkey("token-native-mac")
	guid := subkey("token-guid-aes")
	series, seriesMAC := subkey("token-series-aes"), subkey("token-series-mac")
	hex, seal := subkey("token-hex-mac"), subkey("seal")
	signing, proof := subkey("assertion-ed25519"), subkey("proof")
	if err != nil {
		return nil, err
	}
	s := &subkeys{id: id, pepper: newMAC(pepper), native: newMAC(native), seriesMAC: newMAC(seriesMAC), hex: newMAC(hex), seal: seal,
		signing: newMAC(signing), proof: newMAC(proof)}
	if s.guid, err = aes.NewCipher(guid); err != nil {
		return nil, err
	}
	if s.series, err = aes.NewCipher(series); err != nil {
		return nil, err
	}
	return s, nil
}

// Len is the number of keys in use, at least 1. Index 0 is the primary.
func (k *Keys) Len() int { return len(k.list) }

// Prepared is the number of keys that verify and make nothing yet. They are newer
// than the primary, and have the indices from 1 on.
func (k *Keys) Prepared() int { return k.waits }

// Older says whether the key with the id pepper was the primary before today's:
// what it digested is to be digested anew. A prepared key is not older, since
// another node may have put it to use already, nor is one that is not in the set.
func (k *Keys) Older(pepper uint32) bool {
	for _, s := range k.list[1+k.waits:] {
		if s.id == pepper {
			return true
		}
	}
	return false
}

// Pepper is the id of the primary key, to be stored next to a [Keys.KeyDigest].
func (k *Keys) Pepper() uint32 { return k.list[0].id }

// KeyDigest is the digest of an API key's secret under the primary pepper. A
// keyed digest without stretching is enough because secrets that Sallyport
// makes hold 128 random bits, and for weaker ones brought along the pepper,
// which is not in the database, stands between a stolen digest and a guess.
func (k *Keys) KeyDigest(secret string) Digest { return sum(k.list[0].pepper, secret) }

// KeyDigestUnder is the digest under the key with the id pepper; false if that
// key is not, or no longer, in the set.
func (k *Keys) KeyDigestUnder(pepper uint32, secret string) (Digest, bool) {
	for _, s := range k.list {
		if s.id == pepper {
			return sum(s.pepper, secret), true
		}
	}
	return Digest{}, false
}

// KeyDigestAt is the digest under the i-th key and that key's id. Like an index
// into a slice, i outside [0, Len) panics.
func (k *Keys) KeyDigestAt(i int, secret string) (Digest, uint32) {
	s := k.list[i]
	return sum(s.pepper, secret), s.id
}

// at is the i-th key, or nil.
func (k *Keys) at(i int) *subkeys {
	if i < 0 || i >= len(k.list) {
		return nil
	}
	return k.list[i]
}

// String is a placeholder: key material is never printed.
func (k Keys) String() string { return fmt.Sprintf("secret.Keys(%d keys)", len(k.list)) }

// Format prints the same placeholder for every verb, %#v and %x included.
func (k Keys) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, k.String()) }

// LogValue logs the same placeholder.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }
