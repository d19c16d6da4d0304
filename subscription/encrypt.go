package subscription

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"strings"

	"sextant/fault"
)

// Limits of what a client says of its certificate.
const (
	MaxCertificateID = 128
	minKeyBits       = 2048
)

// certificate of a subscription: base64 of DER, or PEM.
func certificate(text string) (*x509.Certificate, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, "encryptionCertificate %s; the base64 text of an X.509 certificate with an RSA key of %d bits or more works", why, minKeyBits)
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, bad("is not base64")
	}
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, bad("is no certificate")
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minKeyBits {
		return nil, bad("has another key")
	}
	return c, nil
}

// encrypted content of a notification.
type encrypted struct {
	Data       string `json:"data"`
	Signature  string `json:"dataSignature"`
	Key        string `json:"dataKey"`
	ID         string `json:"encryptionCertificateId"`
	Thumbprint string `json:"encryptionCertificateThumbprint"`
}

// encrypt a resource for the holder of a certificate: AES-256 in CBC mode with a key
// of its own, whose first 16 bytes are the initialization vector; an HMAC-SHA256 of
// what comes out with the same key; and the key itself by RSA-OAEP with SHA-1.
func encrypt(c *x509.Certificate, id string, plain []byte, random io.Reader) (*encrypted, error) {
	key := make([]byte, 32)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fault.New(fault.Internal, "there is no key for a notification: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.New(fault.Internal, "a notification cannot be encrypted: %w", err)
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	data := append([]byte(nil), plain...)
	for range pad {
		data = append(data, byte(pad))
	}
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(data, data)
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	public, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fault.New(fault.Internal, "a certificate has no RSA key")
	}
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, key, nil)
	if err != nil {
		return nil, fault.New(fault.Internal, "the key of a notification cannot be encrypted: %w", err)
	}
	thumb := sha1.Sum(c.Raw)
	b64 := base64.StdEncoding.EncodeToString
	return &encrypted{Data: b64(data), Signature: b64(mac.Sum(nil)), Key: b64(sealed), ID: id, Thumbprint: strings.ToUpper(hex.EncodeToString(thumb[:]))}, nil
}
