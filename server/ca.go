package server

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"sextant/fault"
)

// Lives of certificates. A leaf is made anew in time, well before it ends; the
// authority outlives what trusts it.
const (
	rootLife  = 10 * 365 * 24 * time.Hour
	leafLife  = 90 * 24 * time.Hour
	leafEarly = 30 * 24 * time.Hour
	backdate  = time.Hour // of clients whose clock is behind
)

// Files of the authority, below DIR/ca.
const (
	rootFile = "ca.pem"
	keyFile  = "ca.key"
)

// CA is the certificate authority of a data folder. Its key stays in the folder;
// the key of the server's own certificate is in memory alone.
type CA struct {
	Root  *x509.Certificate
	key   crypto.Signer
	clock func() time.Time
	names []string // besides localhost

	mu   sync.Mutex
	leaf *tls.Certificate
}

// OpenCA of a folder, made when it is not there. names are those, or addresses,
// that the server is reached by besides localhost and this machine's name.
func OpenCA(dir string, clock func() time.Time, names ...string) (*CA, error) {
	c := &CA{clock: clock, names: names}
	if host, err := os.Hostname(); err == nil {
		c.names = append(c.names, host)
	}
	cert, err := os.ReadFile(filepath.Join(dir, rootFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, c.make(dir)
	case err != nil:
		return nil, fault.New(fault.Unavailable, "cannot read the certificate authority: %w", err)
	}
	path := filepath.Join(dir, keyFile)
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the key of the certificate authority: %w", err)
	}
	// A copy or a restore may have opened it to others.
	if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(path, 0o600); err != nil {
			return nil, fault.New(fault.Unavailable, "the key of the certificate authority can be read by others, and that cannot be changed: %w", err)
		}
	}
	if err := c.parse(cert, key); err != nil {
		return nil, fault.New(fault.Damaged, "the certificate authority in %s cannot be used; move it away and a new one is made, which clients must be told to trust: %w", dir, err)
	}
	if now := clock(); now.After(c.Root.NotAfter) {
		return nil, fault.New(fault.Conflict, "the certificate authority in %s ended on %s; move it away and a new one is made, which clients must be told to trust", dir, c.Root.NotAfter.Format(time.DateOnly))
	}
	return c, nil
}

// RootPEM is the authority's certificate in a folder; fault.NotFound before the
// first start.
func RootPEM(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, rootFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no certificate authority in %s yet; the first `sextant serve` makes it", dir)
	}
	return text, err
}

func (c *CA) parse(cert, key []byte) error {
	block, _ := pem.Decode(cert)
	if block == nil || block.Type != "CERTIFICATE" {
		return errors.New(rootFile + " holds no certificate")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return err
	}
	if block, _ = pem.Decode(key); block == nil {
		return errors.New(keyFile + " holds no key")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return err
	}
	signer, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !signer.PublicKey.Equal(root.PublicKey) {
		return errors.New("the key is not that of the certificate")
	}
	c.Root, c.key = root, signer
	return nil
}

func serial() (*big.Int, error) { return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) }

// make the authority. The certificate is written last: while it is not there, there
// is none.
func (c *CA) make(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	n, err := serial()
	if err != nil {
		return err
	}
	now := c.clock()
	template := &x509.Certificate{
		SerialNumber: n, Subject: pkix.Name{Organization: []string{"Sextant"}, CommonName: "Sextant local authority " + now.UTC().Format(time.DateOnly)},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(rootLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if c.Root, err = x509.ParseCertificate(der); err != nil {
		return err
	}
	c.key = key
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Unavailable, "cannot keep the certificate authority: %w", err)
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
		mode       fs.FileMode
	}{{keyFile, "PRIVATE KEY", pkcs8, 0o600}, {rootFile, "CERTIFICATE", der, 0o644}} {
		if err := keep(filepath.Join(dir, f.name), pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return fault.New(fault.Unavailable, "cannot keep the certificate authority: %w", err)
		}
	}
	return nil
}

// keep a file as a whole.
func keep(path string, text []byte, mode fs.FileMode) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	return err
}

// Certificate of the server, made anew before it ends.
func (c *CA) Certificate() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if c.leaf != nil && now.Before(c.leaf.Leaf.NotAfter.Add(-leafEarly)) && now.After(c.leaf.Leaf.NotBefore) {
		return c.leaf, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	n, err := serial()
	if err != nil {
		return nil, err
	}
	end := now.Add(leafLife)
	if end.After(c.Root.NotAfter) {
		end = c.Root.NotAfter
	}
	template := &x509.Certificate{
		SerialNumber: n, Subject: pkix.Name{Organization: []string{"Sextant"}, CommonName: "localhost"},
		NotBefore: now.Add(-backdate), NotAfter: end, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, name := range c.names {
		ip := net.ParseIP(name)
		switch {
		case name == "" || ip != nil && ip.IsUnspecified() || strings.ContainsAny(name, " /"):
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case !slices.Contains(template.DNSNames, name):
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.Root, key.Public(), c.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	c.leaf = &tls.Certificate{Certificate: [][]byte{der, c.Root.Raw}, PrivateKey: key, Leaf: leaf}
	return c.leaf, nil
}

// TLS settings of a listener.
func (c *CA) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.Certificate() },
	}
}

// PEM of the authority's certificate.
func (c *CA) PEM() []byte {
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Root.Raw}) // memory does not fail
	return b.Bytes()
}
