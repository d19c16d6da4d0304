// Package access decides who may do what. So far there is one principal, the
// administrator, known by a token that the first start makes.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sextant/fault"
)

// TokenFile in the data folder.
const TokenFile = "admin.token"

// Authority knows the administrator's token.
type Authority struct{ sum [sha256.Size]byte }

// New authority for a token that was configured.
func New(token string) *Authority { return &Authority{sha256.Sum256([]byte(token))} }

// Open reads the token of a data folder, or makes it, mode 0600. made is true the
// first time.
func Open(dir string) (a *Authority, token string, made bool, err error) {
	path := filepath.Join(dir, TokenFile)
	if token, err = ReadToken(dir); err == nil {
		return New(token), token, false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", false, err
	}
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, "", false, err
	}
	token = "sxt_" + base64.RawURLEncoding.EncodeToString(b[:])
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, "", false, fault.New(fault.Unavailable, "cannot keep the administrator token: %w", err)
	}
	_, err = f.WriteString(token + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, "", false, fault.New(fault.Unavailable, "cannot keep the administrator token: %w", err)
	}
	return New(token), token, true, nil
}

// ReadToken of a data folder.
func ReadToken(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, TokenFile))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fault.New(fault.Conflict, "%s is empty; delete it and a new token is made at the next start", filepath.Join(dir, TokenFile))
	}
	return token, nil
}

// Check a bearer token.
func (a *Authority) Check(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], a.sum[:]) == 1
}
