package authority

import (
	"encoding/json"
	"net"
	"net/url"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"sextant/access"
	"sextant/fault"
)

// holder of passkeys: a person as the ceremonies see it. The handle that an
// authenticator keeps is the object id.
type holder struct{ access.Person }

func (h holder) WebAuthnID() []byte          { return []byte(h.ID) }
func (h holder) WebAuthnName() string        { return h.UserPrincipalName }
func (h holder) WebAuthnDisplayName() string { return h.DisplayName }

func (h holder) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for _, k := range h.Passkeys {
		out = append(out, webauthn.Credential{
			ID: k.ID, PublicKey: k.PublicKey, Flags: webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)),
			Authenticator: webauthn.Authenticator{SignCount: k.SignCount},
		})
	}
	return out
}

// party is this server as authenticators know it; nil where it has an address and no
// name, which passkeys cannot be bound to.
func (c *call) party() *webauthn.WebAuthn {
	u, err := url.Parse(c.base)
	if err != nil || net.ParseIP(u.Hostname()) != nil {
		return nil
	}
	w, err := webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: "Sextant", RPOrigins: []string{c.base}})
	if err != nil {
		return nil
	}
	return w
}

// offerPasskey begins a ceremony, where one can be: its options are for the page's
// script, and what must be remembered goes into the flow.
func (c *call) offerPasskey(f *flow) (options string) {
	f.Ceremony = nil
	w := c.party()
	if w == nil {
		return ""
	}
	var ask *protocol.CredentialAssertion
	var s *webauthn.SessionData
	var err error
	switch f.Step {
	case stepFirst: // instead of a password: it must know who holds it
		ask, s, err = w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	case stepSecond:
		person, p := c.a.person(*f.Who)
		if p != nil || len(person.Passkeys) == 0 {
			return ""
		}
		ask, s, err = w.BeginLogin(holder{person}, webauthn.WithUserVerification(protocol.VerificationPreferred))
	default:
		return ""
	}
	return c.ceremony(f, ask, s, err)
}

func (c *call) ceremony(f *flow, options any, s *webauthn.SessionData, err error) string {
	var text []byte
	if err == nil {
		text, err = json.Marshal(options)
	}
	if err == nil {
		f.Ceremony, err = json.Marshal(s)
	}
	if err != nil {
		c.a.o.Logger.Warn("passkeys cannot be offered", "reason", err)
		return ""
	}
	return string(text)
}

// maxCredential that a page's script sends.
const maxCredential = 16 << 10

// passkey takes an authenticator's answer, in place of a password or after one.
func (c *call) passkey(f *flow, form url.Values) {
	tenant, person, how := f.Tenant, access.Person{}, []string{"fido", "mfa"}
	if f.Step == stepSecond {
		ok := false
		if person, ok = c.half(f); !ok {
			return
		}
		how = []string{"pwd", "fido", "mfa"}
	}
	refusal := refuse(500121)
	refusal.text = "The passkey was not taken. Try again, or sign in another way."
	w := c.party()
	var s webauthn.SessionData
	if w == nil || len(form.Get("credential")) > maxCredential || json.Unmarshal(f.Ceremony, &s) != nil {
		c.again(f, refusal)
		return
	}
	tried := "passkey " + c.addr
	if wait := c.a.refused.wait(tried, c.now); wait > 0 {
		c.again(f, refuse(90055))
		return
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(form.Get("credential")))
	if err != nil {
		c.a.refused.count(tried, c.now)
		c.again(f, refusal)
		return
	}
	var used *webauthn.Credential
	if f.Step == stepSecond {
		used, err = w.ValidateLogin(holder{person}, s, parsed)
	} else {
		_, used, err = w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			tenant, person, err = c.holderOf(f.Tenant, string(handle))
			return holder{person}, err
		}, s, parsed)
	}
	if err == nil && !person.AccountEnabled {
		c.note.tenant, c.note.person = tenant, &person
		c.again(f, refuse(50057))
		return
	}
	first := false
	if err == nil {
		first, err = c.a.once("passkey "+s.Challenge, c.now.Add(flowLife).UTC())
	}
	if err == nil && first {
		err = c.a.o.Accounts.UsePasskey(c.r.Context(), tenant, person.ID, used.ID, used.Authenticator.SignCount, byte(used.Flags.ProtocolValue()))
	}
	if person.ID != "" {
		c.note.tenant, c.note.person = tenant, &person
	}
	if err != nil || !first {
		c.a.o.Logger.Warn("a passkey was refused", "trace", c.trace, "reason", err)
		c.a.refused.count(tried, c.now)
		c.again(f, refusal)
		return
	}
	f.Tenant = tenant
	c.signedIn(f, person, nil, how)
}

// holderOf a handle: in the flow's tenant, or in any.
func (c *call) holderOf(tenant, handle string) (string, access.Person, error) {
	if !guid.MatchString(handle) {
		return "", access.Person{}, fault.New(fault.NotFound, "nobody here has this passkey")
	}
	for _, d := range c.a.o.Accounts.Tenants() {
		if tenant != "" && d.ID != tenant {
			continue
		}
		if p, err := c.a.o.Accounts.Person(d.ID, handle); err == nil {
			return d.ID, p, nil
		}
	}
	return "", access.Person{}, fault.New(fault.NotFound, "nobody here has this passkey")
}

// newPasskey begins a registration on the account page.
func (c *call) newPasskey(f *flow, person access.Person) string {
	w := c.party()
	if w == nil {
		return ""
	}
	var have []protocol.CredentialDescriptor
	for _, k := range (holder{person}).WebAuthnCredentials() {
		have = append(have, k.Descriptor())
	}
	ask, s, err := w.BeginRegistration(holder{person}, webauthn.WithExclusions(have), webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		}))
	return c.ceremony(f, ask, s, err)
}

// addPasskey that an authenticator made.
func (c *call) addPasskey(f *flow, person access.Person, by access.Actor, form url.Values) error {
	w := c.party()
	var s webauthn.SessionData
	if w == nil || len(form.Get("credential")) > maxCredential || json.Unmarshal(f.Ceremony, &s) != nil {
		return fault.New(fault.Invalid, "the passkey was not taken")
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(form.Get("credential")))
	if err != nil {
		return fault.New(fault.Invalid, "the passkey was not taken: %w", err)
	}
	made, err := w.CreateCredential(holder{person}, s, parsed)
	if err != nil {
		return fault.New(fault.Invalid, "the passkey was not taken: %w", err)
	}
	first, err := c.a.once("passkey "+s.Challenge, c.now.Add(flowLife).UTC())
	if err != nil {
		return err
	}
	if !first || slices.ContainsFunc(person.Passkeys, func(k access.Passkey) bool { return string(k.ID) == string(made.ID) }) {
		return fault.New(fault.Conflict, "the account has this passkey already")
	}
	return c.a.o.Accounts.AddPasskey(c.r.Context(), by, f.Tenant, person.ID, access.Passkey{
		ID: made.ID, Name: form.Get("name"), PublicKey: made.PublicKey, SignCount: made.Authenticator.SignCount, Flags: byte(made.Flags.ProtocolValue()),
	})
}
