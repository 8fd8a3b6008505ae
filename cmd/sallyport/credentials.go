package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// credentials are a key's, with which a server is asked.
type credentials struct{ id, secret string }

// maxCredentials bounds the file, in bytes.
const maxCredentials = 4096

// readCredentials reads a file with a line for each of the two variables, as a shell
// or systemd's EnvironmentFile reads it. Nobody but its owner may read it.
func readCredentials(path string) (c credentials, err error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return c, named("--credentials", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return c, err
	}
	if info.Mode().Perm()&0o077 != 0 && info.Mode().IsRegular() {
		return c, fmt.Errorf("--credentials: %s has mode %04o and holds a secret: run chmod 600 %s", path, info.Mode().Perm(), path)
	}
	lines := bufio.NewScanner(io.LimitReader(f, maxCredentials))
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimPrefix(text, "export "), "=")
		into := map[string]*string{envID: &c.id, envSecret: &c.secret}[name]
		if into == nil || *into != "" { // not what the line says: it may be a secret
			return c, fmt.Errorf("--credentials: %s:%d: write one line with %s=... and one with %s=... and nothing else", path, n, envID, envSecret)
		}
		*into = unquoted(value)
	}
	if err := lines.Err(); err != nil {
		return c, fmt.Errorf("--credentials: reading %s: %w", path, err)
	}
	if c.id == "" || c.secret == "" {
		return c, fmt.Errorf("--credentials: %s lacks %s or %s", path, envID, envSecret)
	}
	return c, nil
}

// unquoted takes quotes away that stand around a value.
func unquoted(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
