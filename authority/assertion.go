package authority

import (
	"context"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"sextant/access"
)

// Bounds of assertions and tokens.
const (
	maxToken      = 16 << 10
	assertionLife = 24 * time.Hour // the longest that one may live
)

// assertionAlgorithms that applications sign with.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}

// parseToken takes a signed token apart, without trusting anything in it: its size,
// form and algorithm are checked. Keys that a token brings along are never used, and
// make it no token.
func parseToken(text string, algorithms []jose.SignatureAlgorithm) (*jwt.JSONWebToken, jose.Header, error) {
	if len(text) > maxToken {
		return nil, jose.Header{}, errTooLong
	}
	t, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		return nil, jose.Header{}, err
	}
	if len(t.Headers) != 1 {
		return nil, jose.Header{}, errManySignatures
	}
	h := t.Headers[0]
	for _, name := range []jose.HeaderKey{"jku", "x5u", "crit", "b64"} {
		if _, ok := h.ExtraHeaders[name]; ok {
			return nil, h, errForeignKey
		}
	}
	if h.JSONWebKey != nil {
		return nil, h, errForeignKey
	}
	return t, h, nil
}

// checkAssertion of an application: signed with one of its certificates, or by the
// issuer that it federates with.
func (c *call) checkAssertion(tenant access.Directory, x client, text string) (proof, *problem) {
	how := proof{kind: "certificate"}
	if x.FederatedIssuer != "" {
		if t, _, err := parseToken(text, outsideAlgorithms); err == nil {
			var claims jwt.Claims
			if t.UnsafeClaimsWithoutVerification(&claims) == nil && claims.Issuer == x.FederatedIssuer {
				how.kind = "federated"
				return how, c.checkFederated(x, text)
			}
		}
	}
	t, h, err := parseToken(text, assertionAlgorithms)
	if err != nil {
		return how, refuse(700027, "it is no token that is signed with RS256 or PS256")
	}
	found, p := certificateOf(x, h, t, c.now)
	if p != nil {
		return how, p
	}
	how.key = found.KeyID
	cert, err := x509.ParseCertificate(found.Certificate)
	if err != nil {
		return how, broken(err)
	}
	var claims jwt.Claims
	if err := t.Claims(cert.PublicKey, &claims); err != nil {
		return how, refuse(700027, "the signature is not the certificate's")
	}
	switch {
	case !strings.EqualFold(claims.Issuer, x.AppID) || !strings.EqualFold(claims.Subject, x.AppID):
		return how, refuse(700027, "iss and sub must be the application's id")
	case claims.Expiry == nil || !c.now.Before(claims.Expiry.Time().Add(leeway)):
		return how, refuse(700024, "it has expired, or has no exp")
	case claims.Expiry.Time().Sub(c.now) > assertionLife:
		return how, refuse(700024, "exp is more than a day ahead")
	case claims.NotBefore != nil && c.now.Add(leeway).Before(claims.NotBefore.Time()):
		return how, refuse(700024, "nbf is to come")
	case !slices.ContainsFunc(claims.Audience, func(aud string) bool { return c.isAudience(tenant, aud) }):
		return how, refuse(700023, strings.Join(claims.Audience, " "))
	case claims.ID == "" || len(claims.ID) > 256:
		return how, refuse(700027, "jti is missing")
	}
	first, err := c.a.once("assertion "+x.AppID+" "+claims.ID, claims.Expiry.Time().Add(leeway).UTC())
	if err != nil {
		return how, broken(err)
	}
	if !first {
		return how, refuse(700027, "the assertion was used before")
	}
	return how, nil
}

// certificateOf an assertion: the one that its header names, by either thumbprint,
// which some clients write in base64 and others in hex. Without a name it is the one
// whose key fits.
func certificateOf(x client, h jose.Header, t *jwt.JSONWebToken, now time.Time) (access.Credential, *problem) {
	if len(x.Certificates) == 0 {
		return access.Credential{}, refuse(700027, "the application has no certificate")
	}
	var names []string
	for _, n := range []any{h.ExtraHeaders["x5t#S256"], h.ExtraHeaders["x5t"], h.KeyID} {
		if s, ok := n.(string); ok && s != "" {
			names = append(names, s)
		}
	}
	var found *access.Credential
	for i, k := range x.Certificates {
		if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return isThumbprint(n, k.Certificate) }) {
			continue
		}
		if len(names) == 0 {
			cert, err := x509.ParseCertificate(k.Certificate)
			var claims jwt.Claims
			if err != nil || t.Claims(cert.PublicKey, &claims) != nil {
				continue
			}
		}
		found = &x.Certificates[i]
	}
	switch {
	case found == nil:
		return access.Credential{}, refuse(700027, "the key was not found: x5t or x5t#S256 is none of the application's certificates")
	case now.Before(found.Start.Add(-leeway)) || !now.Before(found.End):
		return access.Credential{}, refuse(700027, "the certificate is not valid now")
	}
	if cert, err := x509.ParseCertificate(found.Certificate); err == nil {
		if k, ok := cert.PublicKey.(*rsa.PublicKey); !ok || k.N.BitLen() < keyBits {
			return access.Credential{}, refuse(700027, "the certificate's key must be RSA of 2048 bits or more")
		}
	}
	return *found, nil
}

func isThumbprint(name string, cert []byte) bool {
	s1, s2 := sha1.Sum(cert), sha256.Sum256(cert)
	for _, sum := range [][]byte{s1[:], s2[:]} {
		if strings.EqualFold(name, hex.EncodeToString(sum)) {
			return true
		}
		for _, enc := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			if strings.TrimRight(name, "=") == enc.EncodeToString(sum) {
				return true
			}
		}
	}
	return false
}

// isAudience says whether an assertion is made out to this authority, in this tenant:
// its token endpoint in either version, or its issuer.
func (c *call) isAudience(tenant access.Directory, aud string) bool {
	u, err := url.Parse(aud)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || !strings.EqualFold(u.Scheme+"://"+u.Host, c.base) {
		return false
	}
	segment, rest, _ := strings.Cut(strings.TrimPrefix(strings.ToLower(u.Path), "/"), "/")
	if !slices.Contains([]string{"oauth2/v2.0/token", "oauth2/token", "v2.0", ""}, strings.TrimRight(rest, "/")) {
		return false
	}
	if segment == c.segment {
		return true
	}
	d, err := c.a.o.Accounts.Tenant(segment)
	return err == nil && d.ID == tenant.ID
}

// federatedAudience is what tokens of workload identity federation are made out to,
// unless the application says otherwise.
const federatedAudience = "api://AzureADTokenExchange"

// checkFederated takes the token of the issuer that an application trusts.
func (c *call) checkFederated(x client, text string) *problem {
	audiences := x.FederatedAudiences
	if len(audiences) == 0 {
		audiences = []string{federatedAudience}
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), outsideTime)
	defer cancel()
	claims, err := c.a.verifyOf(ctx, x.FederatedIssuer, text)
	if err != nil {
		c.a.o.Logger.Warn("a federated token was refused", "application", x.AppID, "issuer", x.FederatedIssuer, "reason", err)
		return refuse(700213, "the token of "+x.FederatedIssuer+" cannot be verified")
	}
	if claims.Subject != x.FederatedSubject || !slices.ContainsFunc(claims.Audience, func(s string) bool { return slices.Contains(audiences, s) }) {
		return refuse(700213, "its subject or its audience is not the one that is registered")
	}
	return nil
}
