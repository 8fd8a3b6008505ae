package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// maxKeyFile bounds what is read: 32 keys take about 8 KiB.
const maxKeyFile = 64 << 10

// posix: elsewhere permission bits and the fsync of a directory mean nothing.
const posix = runtime.GOOS != "windows"

var (
	// ErrKeyFileMode says that a key file can be read by more than its owner.
	ErrKeyFileMode = errors.New("secret: the key file is open to others than its owner")
	// ErrKeyFile says that a key file does not hold a usable key set.
	ErrKeyFile = errors.New("secret: not a Tink keyset of PRF keys in cleartext JSON")
	// ErrKeysLost says that a key file holds keys that replacing it would lose.
	ErrKeysLost = errors.New("secret: the key file holds keys that are not in the new set, " +
		"and what they made would die with them: move the file away first if that is meant")
)

// LoadKeys reads a key set from a Tink keyset file (cleartext JSON, PRF keys
// with 32 bytes of output, at most 64 KiB). It wraps [fs.ErrNotExist] if there
// is none, [ErrKeyFileMode] if group or others have any access, and [ErrKeyFile]
// if its content is not a key set.
func LoadKeys(path string) (*Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("secret: load keys: %w", err)
	}
	defer func() { _ = f.Close() }() // only read

	// The open file is asked, not the path, which could change in between.
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("secret: load keys: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file", ErrKeyFile, path)
	}
	if m := st.Mode().Perm(); posix && m&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o: run chmod 600 %s, "+
			"and rotate the keys if somebody may have read them", ErrKeyFileMode, path, m, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("secret: load keys from %s: %w", path, err)
	}
	if len(b) > maxKeyFile {
		return nil, fmt.Errorf("%w: %s is larger than %d bytes", ErrKeyFile, path, maxKeyFile)
	}
	k, err := decodeKeys(b)
	switch {
	case errors.Is(err, ErrTooManyKeys):
		return nil, fmt.Errorf("%w: %s", err, path)
	case err != nil:
		return nil, fmt.Errorf("%w: %s: restore it from a backup: without its keys "+
			"no token and no API key made with them can be checked", err, path)
	}
	return k, nil
}

// decodeKeys keeps a parser's own words out of its error: they quote the input,
// and the input is key material.
func decodeKeys(b []byte) (*Keys, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, ErrKeyFile
	}
	k, err := newKeys(h)
	if err != nil && !errors.Is(err, ErrTooManyKeys) {
		return nil, ErrKeyFile
	}
	return k, err
}

// SaveNew writes the key set to a file that must not be there yet, mode 0600:
// whole and durable when it returns nil, or not at all. It wraps [fs.ErrExist]
// if there is a file; of several callers at once, one succeeds.
func (k *Keys) SaveNew(path string) error {
	// A link, unlike a rename, never replaces what has the name already.
	if err := k.write(path, os.Link); err != nil {
		return fmt.Errorf("secret: create key file: %w", err)
	}
	return nil
}

// Save writes the key set, mode 0600, in place of the file of that name, which
// is replaced whole and durably or not at all. A file is replaced only by a set
// that holds every key in use in it, such as [Keys.Rotate] gives; otherwise the
// error wraps [ErrKeysLost], or says why the file cannot be read.
func (k *Keys) Save(path string) error {
	old, err := LoadKeys(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.SaveNew(path)
	case err != nil:
		return fmt.Errorf("secret: replace key file: %w", err)
	case !k.contains(old):
		return fmt.Errorf("%w: %s", ErrKeysLost, path)
	}
	if err := k.write(path, os.Rename); err != nil {
		return fmt.Errorf("secret: replace key file: %w", err)
	}
	return nil
}

// contains reports whether every key of o is in k, by what the keys compute: an
// id alone can be the same by accident.
func (k *Keys) contains(o *Keys) bool {
	for i := range o.list {
		want, id := o.KeyDigestAt(i, "")
		if got, ok := k.KeyDigestUnder(id, ""); !ok || !got.Equal(want) {
			return false
		}
	}
	return true
}

// write puts the set into a temporary file next to path, makes it durable, gives
// it its name with place, and makes the name durable.
func (k *Keys) write(path string, place func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".keys-*.tmp") // made with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // after a rename there is nothing to remove
	err = insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(f))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	if !posix {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
