package authority

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"sextant/fault"
)

// Rotation of signing keys. The next key is published before it signs, for as long as
// clients keep what they read; the last one stays while what it signed lives.
const (
	keyBits  = 2048
	keyLife  = 30 * 24 * time.Hour
	keyAhead = 7 * 24 * time.Hour
	keyKept  = 24 * time.Hour // tokens live an hour
)

// keyDoc is a signing key as it is kept. The private key is sealed with the node's
// key, which is not in the state.
type keyDoc struct {
	ID          string    `json:"kid"`
	Created     time.Time `json:"created"`
	From        time.Time `json:"from"`  // when it begins to sign
	Until       time.Time `json:"until"` // when it ends to
	Expires     time.Time `json:"expires"`
	Sealed      []byte    `json:"sealed"` // PKCS #8
	Certificate []byte    `json:"certificate"`
}

// key is one in memory.
type key struct {
	keyDoc
	private *rsa.PrivateKey
	public  jose.JSONWebKey
}

// keyring is the node's signing keys.
type keyring struct {
	o    Options
	mu   sync.Mutex
	keys []*key // by From
}

func sealUse(kid string) string { return "signing key " + kid }

func openKeys(o Options) (*keyring, error) {
	r := &keyring{o: o}
	docs, err := o.DB.List(keyKind, "")
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		var doc keyDoc
		if err := d.Decode(&doc); err != nil {
			return nil, err
		}
		der, err := o.Accounts.Unseal(sealUse(doc.ID), doc.Sealed)
		if err != nil {
			return nil, err
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		private, ok := parsed.(*rsa.PrivateKey)
		if err != nil || !ok {
			return nil, fault.New(fault.Damaged, "the signing key %s is not what was written", doc.ID)
		}
		k, err := keyOf(doc, private)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, k)
	}
	r.sort()
	return r, nil
}

func (r *keyring) sort() {
	slices.SortFunc(r.keys, func(x, y *key) int { return x.From.Compare(y.From) })
}

func keyOf(doc keyDoc, private *rsa.PrivateKey) (*key, error) {
	cert, err := x509.ParseCertificate(doc.Certificate)
	if err != nil {
		return nil, fault.New(fault.Damaged, "the certificate of the signing key %s is not what was written: %w", doc.ID, err)
	}
	thumb := sha1.Sum(doc.Certificate)
	return &key{doc, private, jose.JSONWebKey{
		Key: private.Public(), KeyID: doc.ID, Algorithm: string(jose.RS256), Use: "sig",
		Certificates: []*x509.Certificate{cert}, CertificateThumbprintSHA1: thumb[:],
	}}, nil
}

// make a key that signs from then on. Its id is the thumbprint of its certificate, as
// Entra's are; nobody checks the certificate.
func (r *keyring) make(from time.Time) (*key, error) {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, err
	}
	until := from.Add(keyLife)
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"Sextant"}, CommonName: "Sextant token signing"},
		NotBefore: from.Add(-keyAhead), NotAfter: until.Add(keyKept),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	thumb := sha1.Sum(cert)
	doc := keyDoc{
		ID: base64.RawURLEncoding.EncodeToString(thumb[:]), Created: r.o.Clock().UTC(),
		From: from.UTC(), Until: until.UTC(), Expires: until.Add(keyKept).UTC(), Certificate: cert,
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	if doc.Sealed, err = r.o.Accounts.Seal(sealUse(doc.ID), der); err != nil {
		return nil, err
	}
	k, err := keyOf(doc, private)
	if err != nil {
		return nil, err
	}
	if _, err := r.o.DB.Put(keyKind, doc.ID, doc, ""); err != nil {
		return nil, err
	}
	r.keys = append(r.keys, k)
	r.sort()
	return k, nil
}

// ready sees to the key that signs now, the next one in time, and the end of old
// ones. The caller holds mu.
func (r *keyring) ready(now time.Time) (signing *key, err error) {
	for _, early := range []time.Duration{0, leeway} {
		// A clock that was set back a little does not make a key.
		for _, k := range r.keys {
			if signing == nil && !now.Before(k.From.Add(-early)) && now.Before(k.Until) {
				signing = k
			}
		}
	}
	if signing == nil {
		if signing, err = r.make(now); err != nil {
			return nil, err
		}
	}
	if last := r.keys[len(r.keys)-1]; !now.Before(last.Until.Add(-keyAhead)) {
		if _, err := r.make(last.Until); err != nil {
			return nil, err
		}
	}
	for _, k := range slices.Clone(r.keys) {
		if now.Before(k.Expires) {
			continue
		}
		if _, err := r.o.DB.Delete(keyKind, k.ID, ""); err != nil {
			return nil, err
		}
		r.keys = slices.DeleteFunc(r.keys, func(x *key) bool { return x == k })
	}
	return signing, nil
}

// sign gives the key that signs now.
func (r *keyring) sign() (*key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ready(r.o.Clock())
}

// published keys: those that sign, did and will.
func (r *keyring) published() ([]jose.JSONWebKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.ready(r.o.Clock()); err != nil {
		return nil, err
	}
	var out []jose.JSONWebKey
	for _, k := range r.keys {
		out = append(out, k.public)
	}
	return out, nil
}

// find the key that signed a token; nil where it is none of ours, or too old.
func (r *keyring) find(kid string) *key {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Clock()
	for _, k := range r.keys {
		if k.ID == kid && now.Before(k.Expires) {
			return k
		}
	}
	return nil
}
