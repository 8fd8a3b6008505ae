package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
)

// Sealer makes texts that nobody else can read or make, for one use: DomainPunch's
// etoken. What it writes is
//
//	base64( IV 16 | HMAC-SHA3-512 64 | AES-256-CBC, padded as in RFC 5652 section 6.3 )
//
// with padding. The MAC covers IV and ciphertext, and both keys are of this use
// alone. It is safe for concurrent use.
type Sealer struct {
	list []*sealKeys // the primary's, then the others', as in the set
}

// sealKeys is what one key of the set yields for one use.
type sealKeys struct {
	block cipher.Block
	macs  sync.Pool // of hash.Hash: a state that is used again costs half
}

// MaxSealed bounds the texts that [Sealer.Open] looks at, in bytes.
const MaxSealed = 4096

const (
	sealMACSize = 64
	sealKeySize = 32 + 64 // AES-256, and a MAC key as long as the MAC
	sealFixed   = aes.BlockSize + sealMACSize
)

// Strict, as is [Sealer.Open] about line breaks: a text has one spelling.
var sealEncoding = base64.StdEncoding.Strict()

// Sealer is the sealer of one use; the label says which. Labels are for ever:
// what was sealed under another one does not open.
func (k *Keys) Sealer(label string) *Sealer {
	s := new(Sealer)
	for _, sub := range k.list {
		s.list = append(s.list, newSealKeys(sub.seal, label))
	}
	return s
}

func newSealKeys(root []byte, label string) *sealKeys {
	b, err := hkdf.Expand(sha256.New, root, "sallyport/v1/seal/"+label, sealKeySize)
	if err != nil {
		panic(err) // only for a length beyond 255 hashes
	}
	block, err := aes.NewCipher(b[:32])
	if err != nil {
		panic(err) // only for a key of another length
	}
	k := &sealKeys{block: block}
	k.macs.New = func() any {
		return hmac.New(func() hash.Hash { return sha3.New512() }, b[32:])
	}
	return k
}

// Seal seals a text under the primary key.
func (s *Sealer) Seal(plain string) string {
	k := s.list[0]
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	b := make([]byte, sealFixed, sealFixed+len(plain)+pad)
	_, _ = rand.Read(b[:aes.BlockSize]) // never fails
	b = append(b, plain...)
	for range pad {
		b = append(b, byte(pad))
	}
	iv, ct := b[:aes.BlockSize], b[sealFixed:]
	cipher.NewCBCEncrypter(k.block, iv).CryptBlocks(ct, ct)
	k.mac(b[aes.BlockSize:aes.BlockSize], iv, ct)
	return sealEncoding.EncodeToString(b)
}

// Open is the inverse, under whichever key of the set sealed the text; false,
// without a reason, for everything else. Nothing is decrypted before its MAC is
// found right, in constant time.
func (s *Sealer) Open(sealed string) (plain string, ok bool) {
	if len(sealed) > MaxSealed || len(sealed)%4 != 0 {
		return "", false
	}
	b := make([]byte, sealEncoding.DecodedLen(len(sealed)))
	n, err := sealEncoding.Decode(b, []byte(sealed))
	// The decoder passes over line breaks, which make the text longer than what
	// it says.
	if err != nil || sealEncoding.EncodedLen(n) != len(sealed) || n <= sealFixed || (n-sealFixed)%aes.BlockSize != 0 {
		return "", false
	}
	iv, mac, ct := b[:aes.BlockSize], b[aes.BlockSize:sealFixed], b[sealFixed:n]
	for _, k := range s.list {
		var want [sealMACSize]byte
		if !hmac.Equal(mac, k.mac(want[:0], iv, ct)) {
			continue
		}
		cipher.NewCBCDecrypter(k.block, iv).CryptBlocks(ct, ct)
		return unpad(ct)
	}
	return "", false
}

func (k *sealKeys) mac(dst, iv, ct []byte) []byte {
	h := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	_, _ = h.Write(iv) // a hash.Hash never returns an error
	_, _ = h.Write(ct)
	return h.Sum(dst)
}

// unpad takes the padding off. It is authentic, so how long it takes tells
// nothing.
func unpad(b []byte) (string, bool) {
	pad := int(b[len(b)-1])
	if pad == 0 || pad > aes.BlockSize {
		return "", false
	}
	for _, c := range b[len(b)-pad:] {
		if int(c) != pad {
			return "", false
		}
	}
	return string(b[:len(b)-pad]), true
}

// String is a placeholder: key material is never printed.
func (s *Sealer) String() string { return fmt.Sprintf("secret.Sealer(%d keys)", len(s.list)) }

// Format prints the same placeholder for every verb.
func (s *Sealer) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, s.String()) }

// LogValue logs the same placeholder.
func (s *Sealer) LogValue() slog.Value { return slog.StringValue(s.String()) }
