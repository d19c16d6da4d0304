package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"sextant/fault"
)

// SealFile in the data folder holds the key that seals what must be read again. It is
// not in the state, so that a copy of the state alone gives nothing away.
const SealFile = "access.key"

// OpenSealKey reads the key of a data folder, or makes it, mode 0600.
func OpenSealKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, SealFile)
	key, err := os.ReadFile(path)
	if err == nil && len(key) != 32 {
		return nil, fault.New(fault.Damaged, "%s is not the key that was written: it has %d bytes, not 32", path, len(key))
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // it never fails, by its contract
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.Write(key)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot keep the key that seals secrets: %w", err)
	}
	return key, nil
}

func (a *Accounts) sealer() (cipher.AEAD, error) {
	block, err := aes.NewCipher(a.o.SealKey)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "there is no key to seal secrets with: %w", err)
	}
	return cipher.NewGCM(block)
}

// Seal a secret for one use: what was sealed for one cannot be opened for another.
func (a *Accounts) Seal(use string, secret []byte) ([]byte, error) {
	g, err := a.sealer()
	if err != nil {
		return nil, err
	}
	nonce := a.random(g.NonceSize())
	return g.Seal(nonce, nonce, secret, []byte(use)), nil
}

// Unseal what Seal made for the same use.
func (a *Accounts) Unseal(use string, sealed []byte) ([]byte, error) {
	g, err := a.sealer()
	if err != nil {
		return nil, err
	}
	if len(sealed) < g.NonceSize() {
		return nil, fault.New(fault.Damaged, "a sealed secret is too short")
	}
	out, err := g.Open(nil, sealed[:g.NonceSize()], sealed[g.NonceSize():], []byte(use))
	if err != nil {
		return nil, fault.New(fault.Damaged, "a secret cannot be opened with the key of this folder; %s may be another folder's", SealFile)
	}
	return out, nil
}
