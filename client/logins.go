package client

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sextant/fault"
)

// Logins are the sign-ins of a person on this machine, in a file that only the person
// may read.
type Logins struct {
	Path  string
	HTTP  *http.Client
	Clock func() time.Time

	mu sync.Mutex
}

// LoginsPath in the folder where the system keeps a person's settings.
func LoginsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fault.New(fault.Unavailable, "there is no folder for settings: %w", err)
	}
	return filepath.Join(dir, "sextant", "tokens.json"), nil
}

// serverKey of a server: one is the same however its address is written.
func serverKey(server string) string {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	return strings.ToLower(strings.TrimRight(server, "/"))
}

func (l *Logins) read() (map[string]*SignIn, error) {
	out := map[string]*SignIn{}
	text, err := os.ReadFile(l.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return nil, fault.New(fault.Damaged, "the sign-ins in %s cannot be read; remove the file and sign in again: %w", l.Path, err)
	}
	return out, nil
}

// write the file as a whole, mode 0600.
func (l *Logins) write(all map[string]*SignIn) error {
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return fault.New(fault.Unavailable, "cannot keep the sign-in: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(l.Path), "tokens-*") // mode 0600
	if err != nil {
		return fault.New(fault.Unavailable, "cannot keep the sign-in: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), l.Path)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "cannot keep the sign-in: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Keep a sign-in in place of the one at that server.
func (l *Logins) Keep(s *SignIn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	if err != nil {
		return err
	}
	all[serverKey(s.Server)] = s
	return l.write(all)
}

// Forget the sign-in at a server; false where there is none.
func (l *Logins) Forget(server string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	if err != nil || all[serverKey(server)] == nil {
		return false, err
	}
	delete(all, serverKey(server))
	return true, l.write(all)
}

// Has says whether somebody is signed in at a server.
func (l *Logins) Has(server string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	return all[serverKey(server)] != nil, err
}

// Token for a resource of a server, renewed when it must be. fault.NotFound where
// nobody is signed in.
func (l *Logins) Token(ctx context.Context, server, resource string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, err := l.read()
	if err != nil {
		return "", err
	}
	s := all[serverKey(server)]
	if s == nil {
		return "", fault.New(fault.NotFound, "nobody is signed in at %s; `sextant login --server %s` does that", server, server)
	}
	token, changed, err := s.Token(ctx, l.HTTP, resource, l.Clock())
	if err != nil || !changed {
		return token, err
	}
	return token, l.write(all)
}
