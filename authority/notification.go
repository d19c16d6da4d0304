package authority

import (
	"cmp"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"sextant/fault"
)

// changeTracking is the application that Microsoft Graph sends change notifications
// as: receivers look for it in the tokens that come with resource data.
const changeTracking = "0bf30f3b-4a52-48df-9a82-234910c4a086"

// notificationLife outlasts the tries to deliver a notification, a day.
const notificationLife = 48 * time.Hour

// NotificationToken proves to an application of a tenant that a change notification
// comes from this server. base is the server's address as the application knows it.
// No application of ours has the token's azp, so it opens nothing here.
func (a *Authority) NotificationToken(base, tenant, application string) (string, error) {
	base = cmp.Or(a.o.PublicURL, base)
	if base == "" || application == "" {
		return "", fault.New(fault.Invalid, "a notification's token is for an application, from a server with an address")
	}
	now := a.o.Clock()
	return a.signed(tokenClaims{
		Claims: jwt.Claims{
			Issuer: issuer(base, tenant, false), Audience: jwt.Audience{application}, Subject: subject(changeTracking, application),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(notificationLife)),
		},
		Tenant: tenant, ObjectID: changeTracking, Azp: changeTracking, AzpAcr: "2", Version: "2.0", ID: a.random(16),
	})
}
