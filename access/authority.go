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

	"sextant/fault"
)

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

// Check a bearer token.
func (a *Authority) Check(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], a.sum[:]) == 1
}
