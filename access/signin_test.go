package access

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"sextant/fault"
)

const good = "correct horse battery staple"

func (h *house) withPassword(upn string) Person {
	h.t.Helper()
	p := h.person(upn)
	h.ok(h.SetPassword(context.Background(), by, home, p.ID, good, false))
	return p
}

func (h *house) try(upn, password string) error {
	_, err := h.CheckPassword(context.Background(), home, upn, password)
	return err
}

func TestPasswords(t *testing.T) {
	h := newHouse(t)
	p := h.withPassword("ann@aldermoor.example")
	h.ok(h.try("ANN@Aldermoor.Example", good))
	for _, wrong := range []string{"", "x", good + " ", strings.ToUpper(good), strings.Repeat("x", 1<<20)} {
		h.wantErr(h.try("ann@aldermoor.example", wrong), ErrWrongPassword)
	}
	h.ok(h.try("ann@aldermoor.example", good))
	if x, _ := h.Person(home, p.ID); x.Failures != 0 || !strings.HasPrefix(x.PasswordHash, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Errorf("%+v", x)
	}
	// Composed and decomposed letters are the same password.
	h.ok(h.SetPassword(context.Background(), by, home, p.ID, "caf\u00e9 at the corner", false))
	h.ok(h.try("ann@aldermoor.example", "cafe\u0301 at the corner"))
	for _, bad := range []string{"short", strings.Repeat("a", 30), strings.Repeat("ab", 200), "\xff\xfe not text at all"} {
		if err := h.SetPassword(context.Background(), by, home, p.ID, bad, false); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	_, err := h.UpdatePerson(context.Background(), by, home, p.ID, func(p *Person) error { p.AccountEnabled = false; return nil })
	h.ok(err)
	h.wantErr(h.try("ann@aldermoor.example", "caf\u00e9 at the corner"), ErrDisabled)
	h.wantErr(h.try("ann@aldermoor.example", "wrong"), ErrWrongPassword) // who does not know it learns nothing
}

// Parameters that were raised take hold when the password is next used.
func TestHashesAreRenewed(t *testing.T) {
	h := newHouse(t)
	p := h.withPassword("ann@aldermoor.example")
	h.ok(h.db.Close())
	weak.Passes = 2
	t.Cleanup(func() { weak.Passes = 1 })
	h.open()
	h.wantErr(h.try("ann@aldermoor.example", "wrong"), ErrWrongPassword)
	if x, _ := h.Person(home, p.ID); !strings.Contains(x.PasswordHash, "t=1") {
		t.Error("a wrong password renews the hash")
	}
	h.ok(h.try("ann@aldermoor.example", good))
	if x, _ := h.Person(home, p.ID); !strings.Contains(x.PasswordHash, "t=2") {
		t.Errorf("%s", x.PasswordHash)
	}
	h.ok(h.try("ann@aldermoor.example", good))
}

func TestLockOut(t *testing.T) {
	h := newHouse(t)
	p := h.withPassword("ann@aldermoor.example")
	for range lockAfter {
		h.wantErr(h.try("ann@aldermoor.example", "wrong"), ErrWrongPassword)
	}
	h.wantErr(h.try("ann@aldermoor.example", good), ErrLocked)
	h.again() // it outlives the process
	h.wantErr(h.try("ann@aldermoor.example", good), ErrLocked)
	h.pass(lockFirst)
	h.wantErr(h.try("ann@aldermoor.example", "wrong"), ErrWrongPassword)
	h.pass(lockFirst)
	h.wantErr(h.try("ann@aldermoor.example", good), ErrLocked) // twice as long
	h.pass(lockFirst)
	h.ok(h.try("ann@aldermoor.example", good))
	h.wantErr(h.try("ann@aldermoor.example", "wrong"), ErrWrongPassword) // and it counts from the start
	for range lockAfter {
		_ = h.try("ann@aldermoor.example", "wrong")
	}
	h.wantErr(h.try("ann@aldermoor.example", good), ErrLocked)
	h.ok(h.Unlock(context.Background(), by, home, p.ID))
	h.ok(h.try("ann@aldermoor.example", good))
	if got := lockTime(10_000); got != lockLast {
		t.Errorf("the longest lock-out is %s", got)
	}
}

// A name that nobody has is answered, and locked, as one that somebody has.
func TestStrangersAreTreatedAlike(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ann@aldermoor.example")
	h.person("elsewhere@aldermoor.example") // signs in with no password
	for i := range lockAfter + 1 {
		want := h.try("ann@aldermoor.example", "wrong")
		for _, upn := range []string{"nobody@aldermoor.example", "elsewhere@aldermoor.example"} {
			if got := h.try(upn, "wrong"); !errors.Is(got, want) {
				t.Errorf("attempt %d: %v for %s, %v for somebody", i, got, upn, want)
			}
		}
	}
	s := newStrangers()
	for i := range maxStrangers + 500 {
		s.failed(home, fmt.Sprint("x", i, "@aldermoor.example"), h.now.Add(time.Duration(i)*time.Second))
	}
	if len(s.tries) > maxStrangers {
		t.Errorf("%d names are remembered", len(s.tries))
	}
	s.failed(home, strings.Repeat("x", maxUPN+1), h.now)
	if _, ok := s.tries[home+"\x00"+strings.Repeat("x", maxUPN+1)]; ok {
		t.Error("a name that no account can have is remembered")
	}
}

// Many attempts at once find no way around the lock-out.
func TestAttemptsTakeTurns(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ann@aldermoor.example")
	var wg sync.WaitGroup
	var mu sync.Mutex
	tested := 0
	for range 60 {
		wg.Go(func() {
			if errors.Is(h.try("ann@aldermoor.example", "wrong"), ErrWrongPassword) {
				mu.Lock()
				tested++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if tested != lockAfter {
		t.Errorf("%d passwords were tested, not %d", tested, lockAfter)
	}
	// Who goes away while waiting leaves nothing behind.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	done, err := h.attempts.enter(context.Background(), "x")
	h.ok(err)
	if _, err := h.attempts.enter(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	done()
	if len(h.attempts.lines) != 0 {
		t.Errorf("%d lines are left", len(h.attempts.lines))
	}
}

// The published vectors of RFC 6238, cut to six digits.
func TestCodes(t *testing.T) {
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := totpCode([]byte("12345678901234567890"), at/totpStep); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestAuthenticator(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	p := h.withPassword("ann@aldermoor.example")
	secret, address := h.NewTOTP(p, "Sextant")
	if !strings.HasPrefix(address, "otpauth://totp/Sextant:ann@aldermoor.example?") || strings.Contains(address, "+") {
		t.Error(address)
	}
	code := func(drift int64) string { return totpCode(secret, h.clock().Unix()/totpStep+drift) }
	h.wantErr(h.EnrolTOTP(ctx, by, home, p.ID, secret, "000000"), ErrWrongCode)
	h.ok(h.EnrolTOTP(ctx, by, home, p.ID, secret, code(0)))
	if x, _ := h.Person(home, p.ID); strings.Contains(string(x.TOTPSecret), string(secret)) || len(x.TOTPSecret) == 0 {
		t.Error("the secret lies open")
	}
	h.wantErr(h.CheckTOTP(ctx, home, p.ID, code(0)), ErrWrongCode) // the one that enrolled it
	h.pass(totpStep * time.Second)
	h.ok(h.CheckTOTP(ctx, home, p.ID, code(0)))
	h.wantErr(h.CheckTOTP(ctx, home, p.ID, code(0)), ErrWrongCode)
	h.wantErr(h.CheckTOTP(ctx, home, p.ID, code(-1)), ErrWrongCode) // older than the last
	h.pass(3 * totpStep * time.Second)
	h.ok(h.CheckTOTP(ctx, home, p.ID, code(1))) // a clock that is ahead
	h.pass(3 * totpStep * time.Second)
	h.wantErr(h.CheckTOTP(ctx, home, p.ID, code(2)), ErrWrongCode)
	h.again()
	h.ok(h.CheckTOTP(ctx, home, p.ID, code(0)))
	// Knowing the password gives no endless guesses at the code.
	h.pass(time.Hour)
	for range lockAfter {
		h.ok(h.try("ann@aldermoor.example", good))
		h.wantErr(h.CheckTOTP(ctx, home, p.ID, "12345"), ErrWrongCode)
	}
	h.wantErr(h.CheckTOTP(ctx, home, p.ID, code(0)), ErrLocked)
	h.wantErr(h.try("ann@aldermoor.example", good), ErrLocked)
	// Sealed for one person, it opens for no other.
	q := h.person("bo@aldermoor.example")
	x, _ := h.Person(home, p.ID)
	h.ok(h.editPerson(ctx, home, q.ID, func(_ *change, _ string, p *Person) error { p.TOTPSecret = x.TOTPSecret; return nil }))
	if err := h.CheckTOTP(ctx, home, q.ID, code(0)); fault.KindOf(err) != fault.Damaged {
		t.Errorf("another's secret: %v", err)
	}
	h.ok(h.RemoveTOTP(ctx, by, home, p.ID))
	if err := h.RemoveTOTP(ctx, by, home, p.ID); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestPasskeys(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	p := h.person("ann@aldermoor.example")
	key := Passkey{ID: []byte{1, 2, 3}, PublicKey: []byte{4}}
	h.ok(h.AddPasskey(ctx, by, home, p.ID, key))
	if err := h.AddPasskey(ctx, by, home, p.ID, key); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
	h.ok(h.UsePasskey(ctx, home, p.ID, key.ID, 5, 0x1d))
	if err := h.UsePasskey(ctx, home, p.ID, key.ID, 5, 0x1d); fault.KindOf(err) != fault.Denied {
		t.Errorf("a counter that stands still: %v", err)
	}
	if err := h.UsePasskey(ctx, home, p.ID, []byte{9}, 6, 0); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	x, _ := h.Person(home, p.ID)
	if len(x.Passkeys) != 1 || x.Passkeys[0].SignCount != 5 || x.Passkeys[0].Name != "passkey" {
		t.Errorf("%+v", x.Passkeys)
	}
	h.ok(h.RemovePasskey(ctx, by, home, p.ID, key.ID))
	if h.heard() != "Create Company; Add user; Admin registered security info; Admin deleted security info" {
		t.Error("the records are others")
	}
}

func TestSecrets(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	app, err := h.AddApp(ctx, by, home, App{DisplayName: "Nightly export", AccountEnabled: true})
	h.ok(err)
	secret, made, err := h.AddSecret(ctx, by, home, app.AppID, "", 24*time.Hour)
	h.ok(err)
	if b, err := base64.RawURLEncoding.DecodeString(secret); err != nil || len(b) != 32 {
		t.Errorf("%q", secret)
	}
	app, err = h.App(home, app.ID)
	h.ok(err)
	if strings.Contains(fmt.Sprint(app), secret) {
		t.Error("the secret is kept")
	}
	if k, err := CheckSecret(app, secret, h.now); err != nil || k.KeyID != made.KeyID {
		t.Errorf("%+v %v", k, err)
	}
	_, err = CheckSecret(app, secret+"x", h.now)
	h.wantErr(err, ErrWrongSecret)
	_, err = CheckSecret(app, "", h.now)
	h.wantErr(err, ErrWrongSecret)
	_, err = CheckSecret(app, secret, h.now.Add(24*time.Hour))
	h.wantErr(err, ErrExpired)
	_, err = CheckSecret(app, secret, h.now.Add(-time.Second))
	h.wantErr(err, ErrExpired)
	if _, _, err := h.AddSecret(ctx, by, home, app.AppID, "x", 3*365*24*time.Hour); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	if _, err := h.AddCertificate(ctx, by, home, app.AppID, "", []byte("no certificate")); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
	h.ok(h.RemoveCredential(ctx, by, home, app.AppID, made.KeyID))
	app, _ = h.App(home, app.ID)
	_, err = CheckSecret(app, secret, h.now)
	h.wantErr(err, ErrWrongSecret)
	_, err = h.UpdateApp(ctx, by, home, app.AppID, func(x *App) error { x.AccountEnabled = false; return nil })
	h.ok(err)
	_, err = h.ForApp(home, app.AppID)
	h.wantErr(err, ErrDisabled)
}

func FuzzParsePHC(f *testing.F) {
	p := newHasher(Hashing{MemoryKB: 8, Passes: 1, Threads: 1, AtOnce: 1}, zero{})
	text, err := p.make(context.Background(), good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$AAAA$AAAA")
	f.Add("$argon2id$v=19$m=-1,t=1,p=1$$")
	f.Add("$2a$10$abc")
	f.Fuzz(func(t *testing.T, text string) {
		h, salt, hash, err := parsePHC(text)
		if err != nil {
			return
		}
		if h.MemoryKB > maxMemoryKB || h.Passes > maxPasses || h.Threads == 0 || len(salt) < 8 || len(hash) < 16 {
			t.Errorf("%q is taken: %+v", text, h)
		}
	})
}

type zero struct{}

func (zero) Read(b []byte) (int, error) { clear(b); return len(b), nil }
