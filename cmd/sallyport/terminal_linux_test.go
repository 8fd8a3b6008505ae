package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// pty is a terminal: what is written to keys is typed, what is shown is read there.
func pty(t *testing.T) (keys, tty *os.File) {
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return keys, tty
}

// atTerminal is a request whose standard input is a terminal, and what it says.
func atTerminal(ctx context.Context, tty *os.File) (*request, *bufio.Reader) {
	said, say := io.Pipe()
	cmd := new(cobra.Command)
	cmd.SetContext(ctx)
	cmd.SetIn(tty)
	cmd.SetErr(say)
	return &request{Command: cmd}, bufio.NewReader(said)
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// A password that is typed is not shown, and afterwards the terminal shows again what
// is typed, also when a signal comes in between.
func TestPasswordIsNotShown(t *testing.T) {
	keys, tty := pty(t)
	if !term.IsTerminal(int(tty.Fd())) || !echoes(t, tty) {
		t.Fatal("this terminal shows nothing to begin with")
	}
	r, said := atTerminal(t.Context(), tty)
	go func() {
		for range 2 {
			if _, err := said.ReadString(':'); err != nil {
				return
			}
			for echoes(t, tty) { // until it is being read
			}
			_, _ = keys.WriteString("correct horse\n")
			_, _ = said.ReadString('\n')
		}
	}()
	got, err := r.readPassword("ann")
	if err != nil || got != "correct horse" || !echoes(t, tty) {
		t.Fatalf("read %q, %v, and the terminal shows what is typed: %v", got, err, echoes(t, tty))
	}
	if _, err := tty.WriteString("END"); err != nil {
		t.Fatal(err)
	}
	shown := make([]byte, 1024)
	n, err := keys.Read(shown)
	if err != nil || strings.Contains(string(shown[:n]), "horse") || !strings.Contains(string(shown[:n]), "END") {
		t.Errorf("the terminal showed %q, %v", shown[:n], err)
	}

	ctx, stop := context.WithCancelCause(t.Context())
	signal := errors.New("a signal")
	r, said = atTerminal(ctx, tty)
	go func() {
		_, _ = said.ReadString(':')
		for echoes(t, tty) {
		}
		stop(signal)
		_, _ = said.ReadString('\n')
	}()
	if _, err := r.readPassword("ann"); !errors.Is(err, signal) || !echoes(t, tty) {
		t.Errorf("after a signal: %v, and the terminal shows what is typed: %v", err, echoes(t, tty))
	}
}
