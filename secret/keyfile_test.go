package secret

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	k := newTestKeys(t)
	if err := k.SaveNew(path); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", st.Mode())
	}
	got, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if !got.contains(k) || got.Len() != k.Len() || got.Pepper() != k.Pepper() {
		t.Error("what was loaded is not what was saved")
	}

	r := rotate(t, got)
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	if got, err = LoadKeys(path); err != nil {
		t.Fatal(err)
	}
	if got.Pepper() != r.Pepper() || !got.contains(k) || got.Len() != 2 {
		t.Error("the rotated set is not what was loaded")
	}
	onlyFile(t, path)
}

// onlyFile: nothing temporary is left behind.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || all[0].Name() != filepath.Base(path) {
		t.Errorf("the directory holds %v", all)
	}
}

func TestSaveNewNeverReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	var made atomic.Int32
	var first atomic.Pointer[Keys]
	var wg sync.WaitGroup
	for range 8 {
		k := newTestKeys(t)
		wg.Go(func() {
			switch err := k.SaveNew(path); {
			case err == nil:
				made.Add(1)
				first.Store(k)
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("SaveNew: %v, want fs.ErrExist", err)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Fatalf("%d callers made the file, want 1", made.Load())
	}
	got, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if !got.contains(first.Load()) {
		t.Error("the file is not of the caller that was told so")
	}
	onlyFile(t, path)
}

func TestSaveLosesNoKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	k := newTestKeys(t)
	if err := k.Save(path); err != nil { // there is none yet
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := newTestKeys(t).Save(path); !errors.Is(err, ErrKeysLost) {
		t.Errorf("another set: %v, want ErrKeysLost", err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file was changed all the same")
	}
	if err := os.WriteFile(path, []byte("spoilt"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Save(path); !errors.Is(err, ErrKeyFile) {
		t.Errorf("over a file that cannot be read: %v, want ErrKeyFile", err)
	}
	onlyFile(t, path)
}

func TestLoadRefusesOpenModes(t *testing.T) {
	if !posix {
		t.Skip("no permission bits here")
	}
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := newTestKeys(t).SaveNew(path); err != nil {
		t.Fatal(err)
	}
	for _, m := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o666} {
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(path)
		if !errors.Is(err, ErrKeyFileMode) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %v: %v, want ErrKeyFileMode with its cure", m, err)
		}
	}
	for _, m := range []fs.FileMode{0o600, 0o400} {
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKeys(path); err != nil {
			t.Errorf("mode %v: %v", m, err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadKeys(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
	if _, err := LoadKeys(dir); !errors.Is(err, ErrKeyFile) {
		t.Errorf("a directory: %v, want ErrKeyFile", err)
	}
	const material = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for name, content := range map[string]string{
		"empty":         "",
		"no JSON":       material,
		"other JSON":    `{"a":"` + material + `"}`,
		"cut short":     goldenKeyset[:len(goldenKeyset)/2],
		"no keys":       `{"primaryKeyId":1,"key":[]}`,
		"primary gone":  strings.Replace(goldenKeyset, `{"primaryKeyId":1234567890`, `{"primaryKeyId":7`, 1),
		"disabled":      strings.Replace(goldenKeyset, "ENABLED", "DISABLED", 1),
		"other type":    strings.Replace(goldenKeyset, "HkdfPrfKey", "AesGcmKey", 1),
		"unknown type":  strings.Replace(goldenKeyset, "HkdfPrfKey", material, 1),
		"bad material":  strings.Replace(goldenKeyset, "EgIIAxog", "EgIIAxoh", 1),
		"value quoted":  strings.Replace(goldenKeyset, `"SYMMETRIC"`, `"`+material+`"`, 1),
		"trailing text": goldenKeyset + material,
		"huge":          goldenKeyset + strings.Repeat(" ", maxKeyFile),
	} {
		path := filepath.Join(dir, "keys.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := LoadKeys(path)
		if !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v, %v, want ErrKeyFile", name, k, err)
			continue
		}
		if s := err.Error(); !strings.Contains(s, path) || strings.Contains(s, "AAEC") {
			t.Errorf("%s: %q does not name the file, or quotes it", name, s)
		}
	}
}

func TestLoadWhatTinkeyIndents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	pretty := strings.NewReplacer(",", ",\n  ", "{", "{\n  ").Replace(goldenKeyset) + "\n"
	if err := os.WriteFile(path, []byte(pretty), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	if k.Pepper() != goldenID {
		t.Errorf("Pepper() = %d", k.Pepper())
	}
}
