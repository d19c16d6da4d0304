package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"sextant/fault"
)

// One-time codes (RFC 6238): SHA-1, six digits, a new one every 30 seconds, which is
// what every authenticator takes.
const (
	totpStep   = 30
	totpDigits = 6
	totpDrift  = 1 // steps that a clock may be off
)

// totpCode of a step.
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes whatever is written
	h := mac.Sum(nil)
	n := binary.BigEndian.Uint32(h[h[len(h)-1]&0xf:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000)
}

// totpMatch is the step, later than last, whose code it is; 0 where there is none.
func totpMatch(secret []byte, code string, at time.Time, last int64) int64 {
	now, found := at.Unix()/totpStep, int64(0)
	for step := now - totpDrift; step <= now+totpDrift; step++ {
		if subtle.ConstantTimeCompare([]byte(totpCode(secret, step)), []byte(code)) == 1 && step > last {
			found = step
		}
	}
	return found
}

func totpUse(tenant, id string) string { return "totp of " + tenant + "/" + id }

// NewTOTP makes the secret of an authenticator, and the address that its QR code
// shows. Nothing is kept until EnrolTOTP is given a code that fits.
func (a *Accounts) NewTOTP(p Person, issuer string) (secret []byte, address string) {
	secret = a.random(20)
	return secret, TOTPAddress(p, issuer, secret)
}

// TOTPAddress is what an authenticator is shown to learn a secret.
func TOTPAddress(p Person, issuer string, secret []byte) string {
	v := url.Values{"secret": {base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + p.UserPrincipalName, RawQuery: strings.ReplaceAll(v.Encode(), "+", "%20")}
	return u.String()
}

// EnrolTOTP keeps an authenticator's secret, sealed. ErrWrongCode where the code is
// not the authenticator's.
func (a *Accounts) EnrolTOTP(ctx context.Context, by Actor, tenant, id string, secret []byte, code string) error {
	return a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		step := totpMatch(secret, code, a.o.Clock(), 0)
		if len(secret) < 16 || step == 0 {
			return ErrWrongCode
		}
		sealed, err := a.Seal(totpUse(tenant, p.ID), secret)
		if err != nil {
			return err
		}
		p.TOTPSecret, p.TOTPLast = sealed, step
		c.securityInfo(by, tenant, p, "registered", "Authenticator App")
		return nil
	})
}

// securityInfo is said of a second factor that came or went.
func (c *change) securityInfo(by Actor, tenant string, p *Person, what, method string) {
	who := "Admin "
	if strings.EqualFold(by.ObjectID, p.ID) {
		who = "User "
	}
	operation := "Add"
	if what == "deleted" {
		operation = "Delete"
	}
	c.events = append(c.events, event{
		tenant: tenant, service: authMethods, category: userManagement, activity: who + what + " security info", operation: operation, by: by,
		about: []target{p.target()}, details: []detail{{"AuthenticationMethod", method}},
	})
}

// CheckTOTP of a person: ErrWrongCode for a wrong code and for one that was used, and
// ErrLocked. Wrong codes count as wrong passwords do.
func (a *Accounts) CheckTOTP(ctx context.Context, tenant, id, code string) error {
	tenant, id = strings.ToLower(tenant), strings.ToLower(id)
	p, err := a.Person(tenant, id)
	if err != nil {
		return err
	}
	done, err := a.attempts.enter(ctx, tenant+"\x00"+strings.ToLower(p.UserPrincipalName))
	if err != nil {
		return err
	}
	defer done()
	wrong := false
	err = a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		now := a.o.Clock()
		switch {
		case p.LockedUntil != nil && now.Before(*p.LockedUntil):
			return ErrLocked
		case len(p.TOTPSecret) == 0:
			return fault.New(fault.Denied, "the account has no authenticator")
		case !p.AccountEnabled:
			return ErrDisabled
		}
		secret, err := a.Unseal(totpUse(tenant, p.ID), p.TOTPSecret)
		if err != nil {
			return err
		}
		step := totpMatch(secret, code, now, p.TOTPLast)
		if wrong = step == 0; wrong {
			return ErrWrongCode
		}
		p.TOTPLast, p.Failures, p.LockedUntil = step, 0, nil
		return nil
	})
	if wrong {
		return a.failed(ctx, tenant, id, ErrWrongCode)
	}
	return err
}

// RemoveTOTP of a person.
func (a *Accounts) RemoveTOTP(ctx context.Context, by Actor, tenant, id string) error {
	return a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		if len(p.TOTPSecret) == 0 {
			return fault.New(fault.NotFound, "the account has no authenticator")
		}
		p.TOTPSecret, p.TOTPLast = nil, 0
		c.securityInfo(by, tenant, p, "deleted", "Authenticator App")
		return nil
	})
}

// maxPasskeys of a person.
const maxPasskeys = 20

// AddPasskey that a ceremony of registration gave.
func (a *Accounts) AddPasskey(ctx context.Context, by Actor, tenant, id string, k Passkey) error {
	return a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) (err error) {
		if k.Name == "" {
			k.Name = "passkey"
		}
		if k.Name, err = checkName(k.Name); err != nil {
			return err
		}
		switch {
		case len(k.ID) == 0 || len(k.ID) > 1023 || len(k.PublicKey) == 0 || len(k.PublicKey) > 4096:
			return fault.New(fault.Invalid, "this is no passkey")
		case len(p.Passkeys) >= maxPasskeys:
			return fault.New(fault.Limit, "an account has %d passkeys at most; remove one first", maxPasskeys)
		case slices.ContainsFunc(p.Passkeys, func(x Passkey) bool { return string(x.ID) == string(k.ID) }):
			return fault.New(fault.Conflict, "the account has this passkey already")
		}
		k.Created = a.o.Clock().UTC()
		p.Passkeys = append(p.Passkeys, k)
		c.securityInfo(by, tenant, p, "registered", "Passkey")
		return nil
	})
}

// UsePasskey notes the counter and flags that an assertion gave. fault.Denied when the
// counter went back: the key was copied.
func (a *Accounts) UsePasskey(ctx context.Context, tenant, id string, credential []byte, signCount uint32, flags byte) error {
	return a.editPerson(ctx, tenant, id, func(c *change, _ string, p *Person) error {
		if !p.AccountEnabled {
			return ErrDisabled
		}
		for i := range p.Passkeys {
			k := &p.Passkeys[i]
			if string(k.ID) != string(credential) {
				continue
			}
			if (k.SignCount != 0 || signCount != 0) && signCount <= k.SignCount {
				return fault.New(fault.Denied, "the passkey's counter went back: there is a copy of it")
			}
			k.SignCount, k.Flags = signCount, flags
			p.Failures, p.LockedUntil = 0, nil
			return nil
		}
		return fault.New(fault.NotFound, "the account has no such passkey")
	})
}

// RemovePasskey by its credential id.
func (a *Accounts) RemovePasskey(ctx context.Context, by Actor, tenant, id string, credential []byte) error {
	return a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		n := len(p.Passkeys)
		p.Passkeys = slices.DeleteFunc(p.Passkeys, func(k Passkey) bool { return string(k.ID) == string(credential) })
		if len(p.Passkeys) == n {
			return fault.New(fault.NotFound, "the account has no such passkey")
		}
		c.securityInfo(by, tenant, p, "deleted", "Passkey")
		return nil
	})
}
