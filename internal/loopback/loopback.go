// Package loopback finds addresses on this machine for programs that have to be told
// where to listen before they start: tests and measurements. A server that can be asked
// where it listens had better listen at port 0.
package loopback

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
)

// Ports that are handed out lie below those that systems give to whoever asks for port
// 0 (Linux: from 32768 on; others, after RFC 6335, 6: from 49152 on). From among those a
// listener or a connection of another test could be given the same one before the
// program that it was found for has started.
const (
	lowest  = 10_000
	highest = 32_767
	tries   = 100
)

// FreeAddr is an address, host and port, at 127.0.0.1 that nobody listens at right now.
// An error says that none was found.
func FreeAddr(ctx context.Context) (string, error) {
	var config net.ListenConfig
	var err error
	for range tries {
		var b [4]byte
		_, _ = rand.Read(b[:]) // never fails
		port := lowest + int(binary.BigEndian.Uint32(b[:])%(highest-lowest+1))
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		var l net.Listener
		// At every address: some programs that are told a port listen at all of them.
		if l, err = config.Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port))); err == nil {
			return addr, l.Close()
		}
	}
	return "", fmt.Errorf("finding a free port: %w", err)
}
