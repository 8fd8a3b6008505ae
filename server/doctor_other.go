//go:build !linux

package server

import (
	"errors"
	"io/fs"
)

func spaceOf(string) (space, error) { return space{}, errors.ErrUnsupported }

func ownerOf(fs.FileInfo) (uid int, known bool) { return 0, false }

func unsynchronized() bool { return false }
