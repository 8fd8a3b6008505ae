package auth_test

import (
	"errors"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// A key set of another database does not start: everybody would be refused, and
// be locked for it. One that has lost an older key does.
func TestForeignKeySet(t *testing.T) {
	inBubble(t, func(k *kit) {
		foreign, err := secret.GenerateKeys()
		if err != nil {
			k.Fatal(err)
		}
		if s, err := auth.Open(k.Context(), k.store, auth.Options{Keys: foreign, Hasher: k.hasher}); !errors.Is(err, auth.ErrForeignKeys) {
			k.Errorf("opened %v with another's key set: %v", s, err)
		}
		k.update(func(tx auth.Tx) error {
			return tx.PutKey(&auth.Key{Account: k.west, Name: "new", Digest: foreign.KeyDigest("x"), Pepper: foreign.Pepper()})
		})
		s, err := auth.Open(k.Context(), k.store, auth.Options{Keys: foreign, Hasher: k.hasher})
		if err != nil {
			k.Fatal(err)
		}
		if err := s.Close(); err != nil {
			k.Error(err)
		}
	})
}
