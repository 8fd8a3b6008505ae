package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// ErrKeysMissing says that there is a database but not the key set that its
// tokens and API keys were made with.
var ErrKeysMissing = errors.New("the key set is missing")

// openKeys reads the key set, and makes one at the very first start. It is never
// made for a database that is there already: under another key set every API key
// and token in it is void, and the next start would call that normal.
func openKeys(path, database string, log *slog.Logger) (*secret.Keys, error) {
	keys, err := secret.LoadKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	switch none, err := missingDatabase(database); {
	case err != nil:
		return nil, err
	case !none:
		return nil, fmt.Errorf("%w: there is no %s, but there is a database %s: restore the key set from its backup, "+
			"since a new one would void every API key and token; to start from nothing, move the database away", ErrKeysMissing, path, databaseName(database))
	}
	if keys, err = secret.GenerateKeys(); err != nil {
		return nil, err
	}
	switch err := keys.SaveNew(path); {
	case errors.Is(err, fs.ErrExist): // another process was first
		return secret.LoadKeys(path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: make the directory %s first, for the user that runs this", err, filepath.Dir(path))
	case err != nil:
		return nil, err
	}
	log.Info("key set created: back it up, apart from the database", "file", path)
	return keys, nil
}

// keysPoll is how often the key set's file is looked at.
const keysPoll = 2 * time.Second

// keyFile puts a key set in use that was rotated in its file.
type keyFile struct {
	path    string
	service *auth.Service
	log     *slog.Logger
	seen    fs.FileInfo // as of the last look
}

// newKeyFile takes the file as it is now for the key set in use.
func newKeyFile(path string, service *auth.Service, log *slog.Logger) (*keyFile, error) {
	seen, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return &keyFile{path: path, service: service, log: log, seen: seen}, nil
}

// poll reads the key set if its file changed. One that cannot be read, or has
// lost the key that is in use, leaves the one before it in service: it would
// void what is being handed out.
func (f *keyFile) poll() {
	seen, err := os.Stat(f.path)
	if err != nil {
		if f.seen != nil { // once
			f.log.Error("the key set is not there; going on with the one in use, but the next start will fail", "error", err)
		}
		f.seen = nil
		return
	}
	if same(seen, f.seen) {
		return
	}
	f.seen = seen
	keys, err := secret.LoadKeys(f.path)
	if err != nil {
		f.log.Error("the key set changed and cannot be read; going on with the one before", "error", err)
		return
	}
	if _, held := keys.KeyDigestUnder(f.service.Keys().Pepper(), ""); !held {
		f.log.Error("the key set changed and has lost the key in use; going on with the one before", "file", f.path)
		return
	}
	f.service.SetKeys(keys)
	f.log.Info("key set taken up", "file", f.path, "count", keys.Len(), "prepared", keys.Prepared())
}
