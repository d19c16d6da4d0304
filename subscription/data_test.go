package subscription_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"sextant/fault"
	"sextant/subscription"
)

// content of a notification, as it travels.
type content struct {
	Data, DataSignature, DataKey, EncryptionCertificateID, EncryptionCertificateThumbprint string
}

// keyOf a receiver, and its certificate in base64.
func keyOf(t *testing.T, bits int) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return key, base64.StdEncoding.EncodeToString(der)
}

// opened as a receiver does it by Microsoft's steps: the key by the private key, the
// signature before anything else, then the data.
func (c content) opened(t *testing.T, key *rsa.PrivateKey) string {
	t.Helper()
	bytes := func(s string) []byte {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	secret, err := rsa.DecryptOAEP(sha1.New(), nil, key, bytes(c.DataKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes(c.Data)
	mac := hmac.New(sha256.New, secret)
	mac.Write(data)
	if !hmac.Equal(mac.Sum(nil), bytes(c.DataSignature)) {
		t.Fatal("the signature is of something else")
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	cipher.NewCBCDecrypter(block, secret[:16]).CryptBlocks(data, data)
	return string(data[:len(data)-int(data[len(data)-1])])
}

func TestResourceDataIsForTheHolderOfTheCertificate(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	key, cert := keyOf(t, 2048)
	_, err := w.m.Create(context.Background(), subscription.Subscription{
		Resource: "auditLogs/signIns", ChangeType: "created", NotificationURL: l.URL, Expires: w.Now.Add(time.Hour), ApplicationID: "app", Tenant: tenant,
		IncludeData: true, Certificate: cert, CertificateID: "mine",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Put(signIn("s-1"), signIn("s-2"))
	w.step()
	w.step()
	if len(l.content) != 2 || strings.Join(l.tokens, ",") != "token for app" {
		t.Fatalf("%d objects, tokens %q", len(l.content), l.tokens)
	}
	der, err := base64.StdEncoding.DecodeString(cert)
	if err != nil {
		t.Fatal(err)
	}
	thumb := sha1.Sum(der)
	for i, c := range l.content {
		plain := c.opened(t, key)
		if got, want := gjson.Get(plain, "id").Str, []string{"s-1", "s-2"}[i]; got != want {
			t.Errorf("%s, not %s: %s", got, want, plain)
		}
		if c.EncryptionCertificateID != "mine" || !strings.EqualFold(c.EncryptionCertificateThumbprint, hex.EncodeToString(thumb[:])) {
			t.Errorf("%+v", c)
		}
	}
	if l.content[0].DataKey == l.content[1].DataKey {
		t.Error("two objects have one key")
	}
}

func TestResourceDataIsRefused(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	_, cert := keyOf(t, 2048)
	_, weak := keyOf(t, 1024)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, curve.Public(), curve)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, cert, id string
		without        bool
		life           time.Duration
		says           string
	}{
		{"no certificate", "", "x", false, time.Hour, "no certificate"},
		{"what is none", "bm9uZQ==", "x", false, time.Hour, "no certificate"},
		{"what is not base64", "-----", "x", false, time.Hour, "not base64"},
		{"a weak key", weak, "x", false, time.Hour, "another key"},
		{"a curve", base64.StdEncoding.EncodeToString(der), "x", false, time.Hour, "another key"},
		{"no id", cert, "", false, time.Hour, "encryptionCertificateId"},
		{"a long id", cert, strings.Repeat("x", 129), false, time.Hour, "encryptionCertificateId"},
		{"a certificate without data", cert, "x", true, time.Hour, "includeResourceData"},
		{"more than a day", cert, "x", false, 25 * time.Hour, "1440 minutes"},
	} {
		_, err := w.m.Create(context.Background(), subscription.Subscription{
			Resource: "auditLogs/signIns", ChangeType: "created", NotificationURL: l.URL, Expires: w.Now.Add(c.life), Tenant: tenant,
			IncludeData: !c.without, Certificate: c.cert, CertificateID: c.id,
		})
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
