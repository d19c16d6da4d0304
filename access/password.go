package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"sextant/fault"
)

// Hashing of passwords with argon2id (RFC 9106). The defaults are OWASP's second
// choice: 19 MiB and two passes, some tens of milliseconds. A password that was hashed
// with other parameters is hashed anew when it is next used.
type Hashing struct {
	MemoryKB uint32 // 0: 19456
	Passes   uint32 // 0: 2
	Threads  uint8  // 0: 1
	// AtOnce bounds how many passwords are hashed at a time, and so the memory that
	// sign-ins can take; others wait. 0: 4.
	AtOnce int
}

func (h Hashing) withDefaults() Hashing {
	if h.MemoryKB == 0 {
		h.MemoryKB = 19456
	}
	if h.Passes == 0 {
		h.Passes = 2
	}
	if h.Threads == 0 {
		h.Threads = 1
	}
	if h.AtOnce == 0 {
		h.AtOnce = 4
	}
	return h
}

// Bounds of what a stored hash may ask for.
const (
	maxMemoryKB = 1 << 20
	maxPasses   = 64
)

// hasher of passwords.
type hasher struct {
	h      Hashing
	slots  *semaphore.Weighted
	random io.Reader
	decoy  string // hash of nothing that anybody knows
}

func newHasher(h Hashing, random io.Reader) *hasher {
	return &hasher{h: h, slots: semaphore.NewWeighted(int64(h.AtOnce)), random: random, decoy: phc(h, make([]byte, 16), make([]byte, 32))}
}

// phc is the string form of a hash: $argon2id$v=19$m=…,t=…,p=…$salt$hash
func phc(h Hashing, salt, hash []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.MemoryKB, h.Passes, h.Threads, b64.EncodeToString(salt), b64.EncodeToString(hash))
}

// parsePHC takes apart what phc makes.
func parsePHC(text string) (h Hashing, salt, hash []byte, err error) {
	bad := func() (Hashing, []byte, []byte, error) {
		return Hashing{}, nil, nil, fault.New(fault.Damaged, "a stored password is not what was written")
	}
	f := strings.Split(text, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return bad()
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &h.MemoryKB, &h.Passes, &h.Threads); n != 3 || err != nil || f[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.MemoryKB, h.Passes, h.Threads) {
		return bad()
	}
	if h.MemoryKB == 0 || h.MemoryKB > maxMemoryKB || h.Passes == 0 || h.Passes > maxPasses || h.Threads == 0 {
		return bad()
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	hash, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(hash) < 16 || len(hash) > 128 {
		return bad()
	}
	return h, salt, hash, nil
}

// run one hash, when its turn comes.
func (p *hasher) run(ctx context.Context, password string, h Hashing, salt []byte, n uint32) ([]byte, error) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer p.slots.Release(1)
	return argon2.IDKey([]byte(norm.NFKC.String(password)), salt, h.Passes, h.MemoryKB, h.Threads, n), nil
}

func (p *hasher) make(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	if _, err := io.ReadFull(p.random, salt); err != nil {
		return "", fault.New(fault.Internal, "there is no randomness: %w", err)
	}
	hash, err := p.run(ctx, password, p.h, salt, 32)
	if err != nil {
		return "", err
	}
	return phc(p.h, salt, hash), nil
}

// check a password; old is true when it should be hashed anew.
func (p *hasher) check(ctx context.Context, password, stored string) (ok, old bool, err error) {
	h, salt, want, err := parsePHC(stored)
	if err != nil {
		return false, false, err
	}
	got, err := p.run(ctx, password, h, salt, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	same := h.MemoryKB == p.h.MemoryKB && h.Passes == p.h.Passes && h.Threads == p.h.Threads
	return subtle.ConstantTimeCompare(got, want) == 1, !same, nil
}

// SetPassword of a person. The person must choose another at the next sign-in with
// mustChange. A lock-out ends. by is who sets it: the person, or an administrator.
func (a *Accounts) SetPassword(ctx context.Context, by Actor, tenant, id, password string, mustChange bool) error {
	p, err := a.Person(tenant, id)
	if err != nil {
		return err
	}
	if err := a.CheckNewPassword(tenant, p, password); err != nil {
		return err
	}
	hash, err := a.passwords.make(ctx, password)
	if err != nil {
		return err
	}
	return a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		p.PasswordHash, p.MustChange, p.Failures, p.LockedUntil = hash, mustChange, 0, nil
		e := event{tenant: tenant, category: userManagement, activity: "Reset user password", operation: "Update", by: by, about: []target{p.target()}}
		if strings.EqualFold(by.ObjectID, p.ID) {
			e.activity = "Change user password"
		}
		c.events = append(c.events, e)
		return nil
	})
}

// Refusals of sign-ins. For a name that nobody has the first is given, as late.
var (
	ErrWrongPassword = fault.New(fault.Denied, "the user name or the password is wrong")
	ErrLocked        = fault.New(fault.Denied, "the account is locked for a while: there were too many wrong attempts")
	ErrWrongCode     = fault.New(fault.Denied, "the code is wrong, or was used before")
)

// Lock-out: after so many wrong attempts in a row, for so long, doubled with each
// more.
const (
	lockAfter = 10
	lockFirst = time.Minute
	lockLast  = time.Hour
)

func lockTime(failures int) time.Duration {
	if failures < lockAfter {
		return 0
	}
	d := lockFirst
	for range min(failures-lockAfter, 16) {
		d *= 2
	}
	return min(d, lockLast)
}

// CheckPassword of a local account: the person, or ErrWrongPassword, ErrLocked,
// ErrDisabled. Attempts on one name come one after the other, so that many at once
// find no way around the lock-out. A person who must choose another password, or has
// a second factor, is given all the same: what follows is the caller's.
func (a *Accounts) CheckPassword(ctx context.Context, tenant, upn, password string) (Person, error) {
	tenant = strings.ToLower(tenant)
	done, err := a.attempts.enter(ctx, tenant+"\x00"+strings.ToLower(upn))
	if err != nil {
		return Person{}, err
	}
	defer done()
	now := a.o.Clock()
	p, err := a.PersonByName(tenant, upn)
	stored := p.PasswordHash
	stranger := err != nil || stored == ""
	if stranger {
		stored = a.passwords.decoy
		if a.strangers.locked(tenant, upn, now) {
			return Person{}, ErrLocked
		}
	} else if p.LockedUntil != nil && now.Before(*p.LockedUntil) {
		return Person{}, ErrLocked
	}
	if len(password) > 4*maxPassword {
		password = "" // nobody's
	}
	ok, old, err := a.passwords.check(ctx, password, stored)
	if err != nil {
		return Person{}, err
	}
	switch {
	case stranger:
		a.strangers.failed(tenant, upn, now)
		return Person{}, ErrWrongPassword
	case !ok:
		return Person{}, a.failed(ctx, tenant, p.ID, ErrWrongPassword)
	case !p.AccountEnabled:
		return Person{}, ErrDisabled // told to who knows the password alone
	}
	if err := a.succeeded(ctx, tenant, p.ID); err != nil {
		return Person{}, err
	}
	if old {
		if hash, err := a.passwords.make(ctx, password); err == nil {
			err = a.editPerson(ctx, tenant, p.ID, func(_ *change, _ string, p *Person) error {
				if p.PasswordHash == stored {
					p.PasswordHash = hash
				}
				return nil
			})
			if err != nil {
				return Person{}, err
			}
		}
	}
	return a.Person(tenant, p.ID)
}

// failed counts a wrong attempt, and gives the refusal.
func (a *Accounts) failed(ctx context.Context, tenant, id string, refusal error) error {
	err := a.editPerson(ctx, tenant, id, func(c *change, _ string, p *Person) error {
		p.Failures++
		if d := lockTime(p.Failures); d > 0 {
			until := a.o.Clock().UTC().Add(d)
			p.LockedUntil = &until
		}
		return nil
	})
	if err != nil {
		return err // an attempt that cannot be counted is not an attempt
	}
	return refusal
}

// succeeded forgets the wrong attempts. With a second factor to come they are
// forgotten by that one alone, or a known password would give endless guesses at it.
func (a *Accounts) succeeded(ctx context.Context, tenant, id string) error {
	p, err := a.Person(tenant, id)
	if err != nil || p.Failures == 0 || len(p.TOTPSecret) > 0 {
		return err
	}
	return a.editPerson(ctx, tenant, id, func(_ *change, _ string, p *Person) error {
		p.Failures, p.LockedUntil = 0, nil
		return nil
	})
}

// Unlock an account.
func (a *Accounts) Unlock(ctx context.Context, by Actor, tenant, id string) error {
	return a.editPerson(ctx, tenant, id, func(c *change, tenant string, p *Person) error {
		p.Failures, p.LockedUntil = 0, nil
		c.events = append(c.events, event{tenant: tenant, category: userManagement, activity: "Update user", operation: "Update", by: by, about: []target{p.target(property{name: "LockedUntil", new: "[]"})}})
		return nil
	})
}
