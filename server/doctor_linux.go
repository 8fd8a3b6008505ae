package server

import (
	"io/fs"
	"syscall"
)

// fileSystems are the magic numbers of statfs(2) that somebody should know of.
var fileSystems = map[int64]space{
	0x6969:     {kind: "NFS", far: true},
	0xff534d42: {kind: "CIFS", far: true},
	0xfe534d42: {kind: "SMB", far: true},
	0x517b:     {kind: "SMB", far: true},
	0x5346414f: {kind: "AFS", far: true},
	0x00c36400: {kind: "Ceph", far: true},
	0x01021997: {kind: "9P", far: true},
	0x01021994: {kind: "tmpfs, in memory", brief: true},
	0x858458f6: {kind: "ramfs, in memory", brief: true},
	0x794c7630: {kind: "overlayfs, a container's own layer", brief: true},
}

func spaceOf(dir string) (space, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return space{}, err
	}
	s := fileSystems[int64(uint32(st.Type))] // 32 bits, on some architectures with a sign
	s.free = st.Bavail * uint64(max(st.Bsize, 0))
	s.files, s.known = st.Ffree, st.Files > 0 // some make inodes as they need them
	return s, nil
}

func ownerOf(info fs.FileInfo) (uid int, known bool) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), true
	}
	return 0, false
}

// unsynchronized says whether the kernel has been told that nothing keeps its
// clock right. Where it may not be asked, nothing is known.
func unsynchronized() bool {
	const staUnsync = 0x40 // STA_UNSYNC, adjtimex(2)
	var t syscall.Timex
	_, err := syscall.Adjtimex(&t)
	return err == nil && t.Status&staUnsync != 0
}
