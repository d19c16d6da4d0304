// Package authority is the token authority: OAuth 2.0 and OpenID Connect in the form
// that Entra ID has them, so that its client libraries sign in here, and the pages on
// which people do.
//
// Everything is below /{tenant}: discovery, keys, the token endpoint, authorize,
// logout. Authority.Handles says which requests are its own, and Authority.Verify takes
// the tokens that came of them. What is given out as a secret (codes, refresh
// tokens, sessions, device codes) is kept by its hash alone.
package authority

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/state"
)

// Lives of what is given out. Clients hold tokens until some five minutes before
// their end, and take less than ten minutes ill.
const (
	tokenLife   = time.Hour
	codeLife    = 5 * time.Minute
	refreshLife = 90 * 24 * time.Hour // since it was last used
	familyLife  = 365 * 24 * time.Hour
	pageLife    = 24 * time.Hour // of all that comes of a page's sign-in
	deviceLife  = 15 * time.Minute
	sessionLife = 12 * time.Hour
	flowLife    = 15 * time.Minute // of a sign-in page
	leeway      = 2 * time.Minute  // between clocks
)

// Options of an Authority. DB and Accounts are needed.
type Options struct {
	DB       *state.DB
	Accounts *access.Accounts
	// Clock and Random are the system's when nil.
	Clock  func() time.Time
	Random io.Reader
	Logger *slog.Logger
	// PublicURL is where clients find the server, such as https://logs.example.com;
	// "" takes each request's own host.
	PublicURL string
	// PasswordGrant lets applications send people's passwords.
	PasswordGrant bool
	// Outside are the issuers that people may sign in at.
	Outside []Provider
	// HTTP reaches outside issuers; http.DefaultClient with a time limit when nil.
	HTTP *http.Client
	// SignIn takes the sign-in record of an attempt, as Entra exports it, in. A
	// failure is logged, and does not stop the sign-in.
	SignIn func(ctx context.Context, tenant string, record []byte) error
}

// Authority is the token authority of a node. All methods may be called concurrently.
type Authority struct {
	o       Options
	keys    *keyring
	clients map[string]client
	outside []*outsider
	refused *limiter // by what was tried from where
	asked   *limiter // of device codes, by address
	polls   *limiter // of device codes, by code

	using     sync.Mutex // of once
	sweeping  sync.Mutex
	lastSweep time.Time

	mu        sync.RWMutex         // of what follows
	since     map[string]time.Time // tenant/person → tokens before it are void
	federated map[string]*outsider // by issuer
}

// New authority. Keys are made when the first is needed.
func New(o Options) (*Authority, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 15 * time.Second}
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return nil, fault.New(fault.Invalid, "%q is no public address; https://logs.example.com is", o.PublicURL)
		}
		o.PublicURL = strings.ToLower(u.Scheme + "://" + u.Host)
	}
	a := &Authority{
		o: o, clients: builtInClients(), since: map[string]time.Time{}, federated: map[string]*outsider{},
		refused: newLimiter(20, 5*time.Minute), asked: newLimiter(60, time.Minute), polls: newLimiter(1, deviceInterval-time.Second),
	}
	var err error
	if a.keys, err = openKeys(o); err != nil {
		return nil, err
	}
	if a.outside, err = openOutside(o); err != nil {
		return nil, err
	}
	for _, x := range a.outside {
		x.a = a
	}
	docs, err := o.DB.List(sinceKind, "")
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		var s void
		if err := d.Decode(&s); err != nil {
			return nil, err
		}
		a.since[d.ID] = s.Before
	}
	return a, nil
}

// Kinds of documents.
const (
	keyKind      = "authority.key"
	codeKind     = "authority.code"
	refreshKind  = "authority.refresh"
	familyKind   = "authority.family"
	deviceKind   = "authority.device"
	userCodeKind = "authority.usercode"
	sessionKind  = "authority.session"
	usedKind     = "authority.used"
	sinceKind    = "authority.since"
)

// void says from when on the tokens of a person are good.
type void struct {
	Before time.Time `json:"before"`
}

// EndSessions of a person: sessions, refresh tokens and tokens that were made before
// now are refused from now on.
func (a *Authority) EndSessions(tenant, objectID string) error {
	id := strings.ToLower(tenant + "/" + objectID)
	// Times in tokens are whole seconds: one that was made in this second goes too.
	before := a.o.Clock().UTC().Truncate(time.Second).Add(time.Second)
	if _, err := a.o.DB.Put(sinceKind, id, void{before}, ""); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since[id] = before
	return nil
}

// voided says whether what was given to a person then is void.
func (a *Authority) voided(tenant, objectID string, made time.Time) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return made.Before(a.since[strings.ToLower(tenant+"/"+objectID)])
}

// random text of n bytes. Without randomness nothing here is safe.
func (a *Authority) random(n int) string {
	return base64.RawURLEncoding.EncodeToString(a.randomBytes(n))
}

func (a *Authority) randomBytes(n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(a.o.Random, b); err != nil {
		panic("authority: there is no randomness: " + err.Error())
	}
	return b
}

func (a *Authority) newID() string {
	b := a.randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// hashed is the id under which a secret's document is kept.
func hashed(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// keep a document by the hash of a secret. It has a member expires.
func (a *Authority) keep(kind, secret string, doc any, match string) error {
	a.sweep()
	_, err := a.o.DB.Put(kind, hashed(secret), doc, match)
	return err
}

// lookup what keep kept: its ETag, or fault.NotFound.
func lookup[T any](a *Authority, kind, secret string) (doc T, etag string, err error) {
	d, err := a.o.DB.Get(kind, hashed(secret))
	if err == nil {
		err = d.Decode(&doc)
	}
	return doc, d.ETag(), err
}

// once is true the first time that a value is given, until it has expired.
func (a *Authority) once(value string, until time.Time) (bool, error) {
	a.using.Lock()
	defer a.using.Unlock()
	old, _, err := lookup[expiring](a, usedKind, value)
	switch {
	case err == nil && a.o.Clock().Before(old.Expires):
		return false, nil
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return false, err
	}
	return true, a.keep(usedKind, value, expiring{until}, "")
}

// expiring is what every document that is swept has.
type expiring struct {
	Expires time.Time `json:"expires"`
}

// sweep what has expired away, now and then.
func (a *Authority) sweep() {
	if !a.sweeping.TryLock() {
		return
	}
	defer a.sweeping.Unlock()
	now := a.o.Clock()
	if now.Sub(a.lastSweep) < 10*time.Minute && !now.Before(a.lastSweep) {
		return
	}
	a.lastSweep = now
	for _, kind := range []string{codeKind, refreshKind, familyKind, deviceKind, userCodeKind, sessionKind, usedKind} {
		docs, err := a.o.DB.List(kind, "")
		for _, d := range docs {
			var e expiring
			if d.Decode(&e) == nil && now.After(e.Expires) {
				_, gone := a.o.DB.Delete(kind, d.ID, d.ETag())
				if fault.KindOf(gone) != fault.Conflict {
					err = errors.Join(err, gone)
				}
			}
		}
		if err != nil {
			a.o.Logger.Warn("what has expired cannot be swept away", "kind", kind, "reason", err)
		}
	}
}
