package auth

import "github.com/sallyport/sallyport/secret"

// NewSecret gives a key a new secret and returns it: it is kept nowhere and cannot
// be shown again.
func (s *Service) NewSecret(k *Key) (plain string) {
	plain = secret.NewKeySecret()
	k.Digest, k.Pepper = s.Keys().KeyDigestAt(0, plain)
	return plain
}
