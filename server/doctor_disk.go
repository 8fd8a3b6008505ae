package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/store/postgres"
)

// Room on the disk below which somebody should look. A login takes about 300
// bytes; the log beside the database grows to 64 MiB, more during a backup.
const (
	littleRoom   = 1 << 30
	noRoom       = 128 << 20
	fewFiles     = 1000
	clocksDiffer = 2 * time.Second
)

// space is what a file system says of itself.
type space struct {
	free  uint64 // bytes that the server's user may use
	files uint64 // that can still be made; 0 with filesKnown false
	kind  string // "": unremarkable
	known bool   // what files says is known
	far   bool   // it is on another machine
	brief bool   // what is on it goes with the machine or container
}

// files are what the server keeps on this machine: a database in PostgreSQL is none
// of them.
func (d *doctor) files() []string {
	if postgres.Is(d.cfg.Data) {
		return []string{d.cfg.Keys}
	}
	return []string{d.cfg.Data, d.cfg.Data + "-wal", d.cfg.Data + "-shm", d.cfg.Data + ".lock", d.cfg.Keys}
}

// disk looks at the folder of the database; if that is elsewhere, of the key set.
func (d *doctor) disk() {
	since := len(d.found)
	dir := filepath.Dir(d.files()[0])
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		d.bad("disk", "make the folder, for the server's user alone: install -d -m 0700 -o USER "+quoted(dir), "the folder of database or key set is not there: %s", dir)
		return
	} else if info.Mode().Perm()&0o022 != 0 {
		d.bad("disk", "chmod go-w "+quoted(dir), "others may write into %s (mode %04o): who does can put another database there", dir, info.Mode().Perm())
	}
	made, err := tryDisk(dir)
	if err != nil {
		d.bad("disk", "let the server's user write there, and run this as that user", "nothing can be kept in %s: %v", dir, err)
		return
	}
	if off := made.Sub(d.now).Abs(); off > clocksDiffer {
		d.warn("clock", "have both follow one time server", "the file system of %s and this machine differ by %s", dir, off.Round(time.Second))
	}
	switch s, err := spaceOf(dir); {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		d.bad("disk", "see what the system says of it", "%v", err)
	default:
		d.space(dir, s)
	}
	if !d.troubled(since) {
		d.fine("disk", "%s can be written to durably", dir)
	}
}

func (d *doctor) space(dir string, s space) {
	switch {
	case s.far:
		d.bad("disk", "use a disk of this machine, and sallyport backup for the copies elsewhere", "%s is on a network file system (%s): the database needs locks and shared memory that these do not keep", dir, s.kind)
	case s.brief:
		d.warn("disk", "mount a volume there", "%s is on %s: what is kept there is gone with the machine or container", dir, s.kind)
	}
	need := uint64(0) // a backup takes as much as the database
	if info, err := os.Stat(d.files()[0]); err == nil {
		need = uint64(max(info.Size(), 0))
	}
	switch {
	case s.free < noRoom:
		d.bad("disk", "make room: a full disk refuses every login", "%s has %s left", dir, bytesText(s.free))
	case s.free < max(littleRoom, need):
		d.warn("disk", "make room, for a backup too", "%s has %s left, the database takes %s", dir, bytesText(s.free), bytesText(need))
	}
	if s.known && s.files < fewFiles {
		d.bad("disk", "remove files", "%s has room for %d more files", dir, s.files)
	}
}

// tryDisk writes a file durably and removes it again. It returns when the file
// system says that was.
func tryDisk(dir string) (made time.Time, err error) {
	f, err := os.CreateTemp(dir, ".doctor-*.tmp")
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.WriteString("sallyport doctor\n"); err != nil {
		return made, err
	}
	if err := f.Sync(); err != nil {
		return made, err
	}
	info, err := f.Stat()
	if err != nil {
		return made, err
	}
	return info.ModTime(), syncDir(dir)
}

func bytesText(n uint64) string {
	for _, u := range [...]struct {
		size uint64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// owners compares who owns the files of the server: one that belongs to another
// user stops the next start.
func (d *doctor) owners() {
	owner, of := -1, ""
	for _, path := range append([]string{filepath.Dir(d.files()[0])}, d.files()...) {
		info, err := os.Stat(path)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				d.bad("disk", "run this as the server's user", "%v", err)
			}
			continue
		}
		uid, known := ownerOf(info)
		switch {
		case !known:
			return
		case of == "":
			owner, of = uid, path
		case uid != owner:
			d.bad("disk", fmt.Sprintf("chown %d %s, and run commands as the server's user from now on", owner, quoted(path)),
				"%s belongs to user %d and %s to user %d: the server cannot use both", of, owner, path, uid)
		}
	}
	if me := os.Geteuid(); of != "" && me > 0 && me != owner {
		d.warn("disk", "run this as that user", "you are user %d and %s belongs to user %d: what you may do says little about the server", me, of, owner)
	}
}
