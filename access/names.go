package access

import (
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sextant/fault"
)

// Names that documents are found by, lower case, each behind what it is.

func directoryNames(d *Directory) []string {
	var out []string
	for _, domain := range d.Domains {
		out = append(out, domainName(domain))
	}
	return out
}

func personNames(p *Person) []string {
	out := []string{upnName(p.UserPrincipalName)}
	if p.Issuer != "" {
		out = append(out, subjectName(p.Issuer, p.Subject))
	}
	return out
}

func groupRefs(g *Group) []string {
	var out []string
	for _, m := range g.Members {
		out = append(out, "member:"+m)
	}
	for _, o := range g.Outside {
		out = append(out, "outside:"+o)
	}
	return out
}

func appNames(a *App) []string               { return []string{"appId:" + a.AppID} }
func roleNames(r *CustomRole) []string       { return []string{"role:" + strings.ToLower(r.DisplayName)} }
func assignmentNames(x *Assignment) []string { return []string{assignmentName(x.Role, x.Principal)} }
func assignmentRefs(x *Assignment) []string  { return []string{"principal:" + x.Principal} }
func keyNames(k *APIKey) []string            { return []string{hashName(k.Hash)} }
func domainName(domain string) string        { return "domain:" + strings.ToLower(domain) }
func upnName(upn string) string              { return "userPrincipalName:" + strings.ToLower(upn) }
func subjectName(issuer, subject string) string {
	return "issuer and subject:" + issuer + "\x00" + subject
}
func hashName(hash []byte) string { return "key:" + hex.EncodeToString(hash) }
func assignmentName(role, principal string) string {
	return "role assignment:" + strings.ToLower(role) + "\x00" + principal
}

// Limits of names, as the directory's published ones.
const (
	maxUPN    = 113
	maxName   = 256
	maxDomain = 253
)

var (
	upnForm    = regexp.MustCompile(`^[A-Za-z0-9'._!#^~+-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
	domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	idForm     = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	tenantForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
)

// checkUPN takes letters without accents, digits and ' . - _ ! # ^ ~ + alone: no two
// names that look the same are different.
func checkUPN(upn string) error {
	if len(upn) > maxUPN || !upnForm.MatchString(upn) || strings.Contains(upn, "..") || strings.HasPrefix(upn, ".") || strings.Contains(upn, ".@") {
		return fault.New(fault.Invalid, "%q is no user principal name; ann@example.com is: letters, digits and '._!#^~+-, %d characters at most", short(upn), maxUPN)
	}
	return nil
}

func checkDomain(domain string) error {
	if len(domain) > maxDomain || !domainForm.MatchString(domain) {
		return fault.New(fault.Invalid, "%q is no domain; example.com is", short(domain))
	}
	return nil
}

// checkName of an object, for people to read. It gives the composed form.
func checkName(name string) (string, error) {
	name = norm.NFC.String(strings.TrimSpace(name))
	switch {
	case name == "":
		return "", fault.New(fault.Invalid, "a display name is missing")
	case !utf8.ValidString(name), utf8.RuneCountInString(name) > maxName:
		return "", fault.New(fault.Invalid, "a display name has %d characters at most", maxName)
	case strings.ContainsFunc(name, func(r rune) bool {
		// Control and format characters would make a name look like another.
		return !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r)
	}):
		return "", fault.New(fault.Invalid, "the display name %q has characters that cannot be seen", short(name))
	}
	return name, nil
}

// checkTenant gives the id in lower case.
func checkTenant(id string) (string, error) {
	id = strings.ToLower(id)
	if !tenantForm.MatchString(id) || strings.Contains(id, "..") {
		return "", fault.New(fault.Invalid, "%q cannot name a tenant; a directory id is a GUID", short(id))
	}
	return id, nil
}

// checkID of an object; "" is given a new one.
func (a *Accounts) checkID(id string) (string, error) {
	if id == "" {
		return a.newID(), nil
	}
	if id = strings.ToLower(id); !idForm.MatchString(id) {
		return "", fault.New(fault.Invalid, "%q is no object id; a GUID is", short(id))
	}
	return id, nil
}

// short enough for a message.
func short(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
