package subscription_test

import (
	"context"
	"testing"
	"time"

	"sextant/subscription"
)

// watched is a subscription of ten hours whose life somebody else hears of.
func (w *world) watched(l, life *listener) subscription.Subscription {
	w.t.Helper()
	s, err := w.m.Create(context.Background(), subscription.Subscription{
		Resource: "auditLogs/signIns", ChangeType: "created", NotificationURL: l.URL, LifecycleNotificationURL: life.URL, ClientState: "secret",
		Expires: w.Now.Add(10 * time.Hour), ApplicationID: "app", Tenant: tenant,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) later(d time.Duration) {
	w.t.Helper()
	w.Now = w.Now.Add(d)
	w.step()
	w.step()
}

func TestTheEndIsAnnounced(t *testing.T) {
	w, l, life := newWorld(t), newListener(t), newListener(t)
	s := w.watched(l, life)
	w.later(7 * time.Hour)
	if got := life.heard(); got != "" {
		t.Errorf("with three hours to go: %s", got)
	}
	w.later(time.Hour)
	w.later(time.Minute)
	if got, want := life.heard(), "! reauthorizationRequired secret"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if _, err := w.m.Renew(context.Background(), tenant, "app", s.ID, subscription.Renewal{Expires: w.Now.Add(10 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.later(time.Hour)
	if got, want := life.heard(), "! reauthorizationRequired secret"; got != want {
		t.Errorf("right after the renewal: %q", got)
	}
	w.later(7 * time.Hour)
	if got, want := life.heard(), "! reauthorizationRequired secret\n! reauthorizationRequired secret"; got != want {
		t.Errorf("before the next end: %q", got)
	}
	if l.heard() != "" {
		t.Errorf("the other URL heard of it: %s", l.heard())
	}
}

func TestReauthorizingSilencesTheAnnouncement(t *testing.T) {
	w, l, life := newWorld(t), newListener(t), newListener(t)
	s := w.watched(l, life)
	if err := w.m.Reauthorized(tenant, "app", s.ID); err != nil {
		t.Fatal(err)
	}
	w.later(9 * time.Hour)
	if got := life.heard(); got != "" {
		t.Error(got)
	}
}

func TestWhoLosesTheRightHearsOfIt(t *testing.T) {
	w, l, life := newWorld(t), newListener(t), newListener(t)
	w.watched(l, life)
	w.may = false
	w.Put(signIn("s-1"))
	w.step()
	w.step()
	if got, want := life.heard(), "! subscriptionRemoved secret"; got != want || l.heard() != "" {
		t.Errorf("%q, not %q; and %q", got, want, l.heard())
	}
}

func TestWhatIsGivenUpIsMissed(t *testing.T) {
	w, l, life := newWorld(t), newListener(t), newListener(t)
	s := w.watched(l, life)
	if _, err := w.m.Renew(context.Background(), tenant, "app", s.ID, subscription.Renewal{Expires: w.Now.Add(29 * 24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	l.broken = true
	w.Put(signIn("s-1"))
	w.step()
	w.later(25 * time.Hour) // longer than a notification is tried
	if got, want := life.heard(), "! missed secret"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	l.mu.Lock()
	l.broken = false
	l.mu.Unlock()
	w.Put(signIn("s-2"))
	w.later(time.Minute)
	if got, want := l.heard(), "created auditLogs/signIns/s-2 secret"; got != want {
		t.Errorf("afterwards: %q, not %q", got, want)
	}
}

func TestShortLivesAreMadeLonger(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	s, err := w.m.Create(context.Background(), subscription.Subscription{Resource: "auditLogs/signIns", ChangeType: "created", NotificationURL: l.URL, Expires: w.Now.Add(time.Minute), Tenant: tenant})
	if err != nil || !s.Expires.Equal(w.Now.Add(subscription.MinLife)) {
		t.Errorf("%v, %v", s.Expires, err)
	}
}
