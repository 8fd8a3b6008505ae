package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal is the terminal that a command reads from; nil if it reads from a file or a
// pipe.
func terminal(in io.Reader) *os.File {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return f
}

// maxPassword bounds what is read, in bytes: more than the server takes.
const maxPassword = 4096

// readPassword reads a password: from a terminal twice and without showing it, else
// the first line. Passwords are never flags, which everybody on the machine can read.
func (r *request) readPassword(whose string) (string, error) {
	tty := terminal(r.InOrStdin())
	if tty == nil {
		line, err := bufio.NewReader(io.LimitReader(r.InOrStdin(), maxPassword)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("there is no password on standard input: write it there as one line"), ignoreEnd(err))
		}
		return line, nil
	}
	first, err := r.hidden(tty, "Password of "+whose+": ")
	if err != nil {
		return "", err
	}
	again, err := r.hidden(tty, "Again: ")
	switch {
	case err != nil:
		return "", err
	case first == "":
		return "", errors.New("no password was entered: nothing was changed")
	case first != again:
		return "", errors.New("the two are not the same: nothing was changed")
	}
	return first, nil
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// hidden reads a line that the terminal does not show. A signal leaves the terminal as
// it was.
func (r *request) hidden(tty *os.File, prompt string) (string, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("reading a password: %w", err)
	}
	_, _ = fmt.Fprint(r.ErrOrStderr(), prompt)
	defer r.remark("")
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		if l.err != nil {
			return "", fmt.Errorf("reading a password: %w", l.err)
		}
		return string(l.text), nil
	case <-r.ctx().Done():
		return "", errors.Join(context.Cause(r.ctx()), term.Restore(fd, before))
	}
}

// errNot says that whoever was asked did not say yes.
var errNot = errors.New("nothing was changed")

// confirm asks for a yes. Where nobody can be asked, --yes has to be there.
func (r *request) confirm(question string) error {
	tty := terminal(r.InOrStdin())
	if tty == nil {
		return errors.New("nobody can be asked whether this is meant: look with --dry-run, then say --yes")
	}
	_, _ = fmt.Fprintf(r.ErrOrStderr(), "%s [y/N] ", question)
	type line struct {
		text string
		err  error
	}
	read := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(io.LimitReader(tty, 100)).ReadString('\n')
		read <- line{text, err}
	}()
	select {
	case l := <-read:
		if answer := strings.ToLower(strings.TrimSpace(l.text)); answer == "y" || answer == "yes" {
			return nil
		}
		return errors.Join(errNot, ignoreEnd(l.err))
	case <-r.ctx().Done():
		return errNot
	}
}
