package access

import (
	"context"
	_ "embed"
	"slices"
	"strings"

	"sextant/fault"
)

// Verifier takes tokens that are no API keys: those that the token authority signed,
// and those of issuers that were configured. Package authority implements it.
type Verifier interface {
	// Verify a token that must be made out to one of the audiences (see
	// CanonicalAudience). The principal has the rights that it has now, not those
	// it had when the token was made. Errors are, wrapped with what is wrong,
	// ErrToken, ErrTokenExpired, ErrTokenAudience or ErrDisabled; anything else is a
	// failure of ours.
	Verify(ctx context.Context, token string, audiences []string) (*Principal, error)
}

// Refusals of tokens.
var (
	ErrToken         = fault.New(fault.Denied, "the access token is invalid")
	ErrTokenExpired  = fault.New(fault.Denied, "the access token has expired")
	ErrTokenAudience = fault.New(fault.Denied, "the access token is made out to another resource")
)

//go:embed data/audiences.txt
var audiencesText string

// Audiences that a face takes tokens for; the first is how we write it.
func Audiences(face Face) []string {
	for f := range fields(audiencesText, 2) {
		if Face(f[0]) == face {
			return list(f[1])
		}
	}
	return nil
}

// FaceOf the resource that a token is asked for; false for one that no face has.
func FaceOf(resource string) (Face, bool) {
	resource = CanonicalAudience(resource)
	for f := range fields(audiencesText, 2) {
		if slices.ContainsFunc(list(f[1]), func(a string) bool { return CanonicalAudience(a) == resource }) {
			return Face(f[0]), true
		}
	}
	return "", false
}

// CanonicalAudience: two spellings of a resource are the same when these are.
func CanonicalAudience(resource string) string {
	return strings.ToLower(strings.TrimRight(strings.TrimSpace(resource), "/"))
}
