package subscription_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/node/nodetest"
	"sextant/notify"
	"sextant/record"
	"sextant/source"
	"sextant/subscription"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tenant = "77b6b1c5-2f0e-4a5e-9b2e-0f3a6b1d9c44"

// listener is the one who is told.
type listener struct {
	*httptest.Server
	mu      sync.Mutex
	asked   int
	told    []string // "created auditLogs/signIns/s-1 secret"
	tokens  []string
	content []content
	broken  bool
	mute    bool // does not echo
}

func newListener(t *testing.T) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if token := r.URL.Query().Get("validationToken"); token != "" {
			l.asked++
			if l.mute {
				token = "no"
			}
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, token)
			return
		}
		if l.broken {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		var body struct {
			Value []struct {
				SubscriptionID, ChangeType, Resource, ClientState, TenantID, LifecycleEvent string
				ResourceData                                                                map[string]string
				EncryptedContent                                                            *content
			}
			ValidationTokens []string
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		l.tokens = append(l.tokens, body.ValidationTokens...)
		for _, n := range body.Value {
			if n.LifecycleEvent != "" {
				l.told = append(l.told, "! "+n.LifecycleEvent+" "+n.ClientState)
				continue
			}
			if n.EncryptedContent != nil {
				l.content = append(l.content, *n.EncryptedContent)
			}
			l.told = append(l.told, n.ChangeType+" "+n.Resource+" "+n.ClientState)
			if n.TenantID != tenant || n.ResourceData["@odata.id"] != n.Resource || n.ResourceData["@odata.type"] == "" {
				t.Errorf("%+v", n)
			}
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(l.Server.Close)
	return l
}

func (l *listener) heard() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.told)
	return strings.Join(l.told, "\n")
}

// world is a tenant, and a manager of subscriptions to its records.
type world struct {
	*nodetest.World
	t   *testing.T
	m   *subscription.Manager
	may bool
}

func newWorld(t *testing.T) *world {
	w := &world{World: nodetest.New(t, tenant, time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)), t: t, may: true}
	w.manage()
	return w
}

// restart the process.
func (w *world) restart() {
	w.t.Helper()
	w.Reopen()
	w.manage()
}

func (w *world) manage() {
	w.t.Helper()
	sender := notify.NewSender(notify.Options{Version: "test"})
	w.t.Cleanup(sender.Close)
	w.m = (&subscription.Manager{
		State: w.Node.State(), Sender: sender, Clock: w.Clock, Logger: slog.New(slog.DiscardHandler),
		Tenant: func(string) (subscription.Tenant, error) { return w.Tenant, nil },
		May:    func(subscription.Subscription) bool { return w.may },
		Data: func(_ context.Context, s subscription.Subscription, of subscription.Target, raws [][]byte) (out []json.RawMessage, _ error) {
			for _, raw := range raws {
				object := json.RawMessage(gjson.GetBytes(raw, "properties").Raw)
				// The filters of these tests name the member that an object must have.
				if of.Filter != "" && !gjson.GetBytes(object, of.Filter).Exists() {
					object = nil
				}
				out = append(out, object)
			}
			return out, nil
		},
		Token: func(s subscription.Subscription) (string, error) { return "token for " + s.ApplicationID, nil },
		Resources: []subscription.Resource{
			{Path: "auditLogs/signIns", Type: "#microsoft.graph.signIn", Categories: []string{"SignInLogs", "NonInteractiveUserSignInLogs"}, ID: []string{"properties.id"}},
			{Path: "identityProtection/riskyUsers", Type: "#microsoft.graph.riskyUser", Categories: []string{"RiskyUsers"}, ID: []string{"properties.id"}, States: true},
			{Path: "security/incidents", Type: "#microsoft.graph.security.incident", Categories: []string{"SecurityIncident"}, ID: []string{"properties.id", "properties.IncidentName"}, First: []string{"properties.CreatedTime"}, Last: []string{"properties.LastModifiedTime"}},
		},
	}).Start()
}

func (w *world) step() {
	w.t.Helper()
	if _, err := w.m.Step(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func signIn(id string) source.Incoming {
	return source.Incoming{JSON: fmt.Appendf(nil, `{"time":"2026-04-01T08:00:00Z","category":"SignInLogs","tenantId":%q,"properties":{"id":%q,"createdDateTime":"2026-04-01T08:00:00Z"}}`, tenant, id)}
}

func (w *world) subscribe(l *listener, resource, changes string) subscription.Subscription {
	w.t.Helper()
	s, err := w.m.Create(context.Background(), subscription.Subscription{
		Resource: resource, ChangeType: changes, NotificationURL: l.URL + "/hook", ClientState: "secret", Expires: w.Now.Add(time.Hour), ApplicationID: "app", Tenant: tenant,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestWhoSubscribedIsToldOfWhatComesInFromThenOn(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	w.Put(signIn("before"))
	w.subscribe(l, "/auditLogs/signins", "created,updated")
	if l.asked != 1 {
		t.Errorf("the URL was asked %d times", l.asked)
	}
	w.Put(signIn("s-1"), signIn("s-2"))
	w.Put(signIn("s-1")) // again: it is known
	again, err := record.Amended(1)
	if err != nil {
		t.Fatal(err)
	}
	amended := signIn("s-2")
	amended.Form = again
	w.Put(amended)
	w.step()
	w.step()
	want := "created auditLogs/signIns/s-1 secret\ncreated auditLogs/signIns/s-2 secret\nupdated auditLogs/signIns/s-2 secret"
	if got := l.heard(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestWhoSubscribedToAPartIsToldOfThatAlone(t *testing.T) {
	for _, c := range []struct{ resource, shown, want string }{
		{"/auditLogs/signIns/s-2", "auditLogs/signIns/s-2", "created auditLogs/signIns/s-2 secret"},
		{"auditlogs/SignIns('s-2')", "auditLogs/signIns/s-2", "created auditLogs/signIns/s-2 secret"},
		{"auditLogs/signIns?$filter=createdDateTime", "auditLogs/signIns?$filter=createdDateTime", "created auditLogs/signIns/s-1 secret\ncreated auditLogs/signIns/s-2 secret"},
		{"auditLogs/signIns/?%24filter=%6eothing", "auditLogs/signIns?$filter=nothing", ""},
		{"auditLogs/signIns?", "auditLogs/signIns", "created auditLogs/signIns/s-1 secret\ncreated auditLogs/signIns/s-2 secret"},
	} {
		w, l := newWorld(t), newListener(t)
		if got := w.subscribe(l, c.resource, "created").Resource; got != c.shown {
			t.Errorf("%s is shown as %s", c.resource, got)
		}
		w.Put(signIn("s-1"), signIn("s-2"))
		w.step()
		w.step()
		if got := l.heard(); got != c.want {
			t.Errorf("%s: %s\nwant\n%s", c.resource, got, c.want)
		}
	}
}

func TestNothingIsLostWithTheProcess(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	w.subscribe(l, "auditLogs/signIns", "created")
	l.broken = true
	w.Put(signIn("s-1"))
	w.step() // is in the outbox, and not delivered
	w.Put(signIn("s-2"))
	w.restart()
	l.mu.Lock()
	l.broken = false
	l.mu.Unlock()
	w.Now = w.Now.Add(30 * time.Second)
	if err := w.Tenant.Loader.CatchUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.step()
	if got, want := l.heard(), "created auditLogs/signIns/s-1 secret\ncreated auditLogs/signIns/s-2 secret"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestManyAreToldInParts(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	w.subscribe(l, "auditLogs/signIns", "created")
	var recs []source.Incoming
	for i := range 2_500 {
		recs = append(recs, signIn(fmt.Sprint("s-", i)))
	}
	w.Put(recs...)
	for range 4 {
		w.step()
	}
	if got := strings.Split(l.heard(), "\n"); len(got) != 2_500 || len(slices.Compact(got)) != 2_500 {
		t.Errorf("told of %d", len(got))
	}
}

func TestTheEnd(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(w *world, s subscription.Subscription)
	}{
		{"deleted", func(w *world, s subscription.Subscription) {
			if err := w.m.Delete(tenant, "app", s.ID); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"expired", func(w *world, _ subscription.Subscription) { w.Now = w.Now.Add(2 * time.Hour) }},
		{"the right was taken away", func(w *world, _ subscription.Subscription) { w.may = false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, l := newWorld(t), newListener(t)
			s := w.subscribe(l, "auditLogs/signIns", "created")
			c.end(w, s)
			w.Put(signIn("s-1"))
			w.step()
			if got := l.heard(); got != "" {
				t.Errorf("still told: %s", got)
			}
			if list, err := w.m.List(tenant, ""); err != nil || len(list) != 0 {
				t.Errorf("%v, %v", list, err)
			}
		})
	}
}

func TestRenewal(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	s := w.subscribe(l, "auditLogs/signIns", "created")
	if _, err := w.m.Renew(context.Background(), tenant, "app", s.ID, subscription.Renewal{Expires: w.Now.Add(3 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.Now = w.Now.Add(2 * time.Hour)
	w.Put(signIn("s-1"))
	w.step()
	if got := l.heard(); !strings.Contains(got, "s-1") {
		t.Errorf("not told: %q", got)
	}
	if _, err := w.m.Renew(context.Background(), tenant, "another", s.ID, subscription.Renewal{Expires: w.Now.Add(time.Hour)}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("another application renews it: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	w, l := newWorld(t), newListener(t)
	good := subscription.Subscription{Resource: "auditLogs/signIns", ChangeType: "created", NotificationURL: l.URL, Expires: w.Now.Add(time.Hour), Tenant: tenant}
	for _, c := range []struct {
		name string
		of   func(s *subscription.Subscription)
		says string
	}{
		{"a resource that is none", func(s *subscription.Subscription) { s.Resource = "users" }, "auditLogs/signIns"},
		{"another option", func(s *subscription.Subscription) { s.Resource = "auditLogs/signIns?$select=id" }, "takes $filter, and not $select"},
		{"two filters", func(s *subscription.Subscription) { s.Resource = "auditLogs/signIns?$filter=a&filter=b" }, "one $filter"},
		{"a filter of one object", func(s *subscription.Subscription) { s.Resource = "auditLogs/signIns/x?$filter=a" }, "one object"},
		{"what is below an object", func(s *subscription.Subscription) { s.Resource = "security/incidents/x/alerts" }, "segment 'alerts'"},
		{"a longer name", func(s *subscription.Subscription) { s.Resource = "auditLogs/signInsToo" }, "nobody can subscribe"},
		{"a change that is none", func(s *subscription.Subscription) { s.ChangeType = "deleted" }, "created and updated"},
		{"no change", func(s *subscription.Subscription) { s.ChangeType = "" }, "created and updated"},
		{"the past", func(s *subscription.Subscription) { s.Expires = w.Now }, "future"},
		{"for ever", func(s *subscription.Subscription) { s.Expires = w.Now.Add(31 * 24 * time.Hour) }, "43200 minutes"},
		{"a file", func(s *subscription.Subscription) { s.NotificationURL = "file:///etc/passwd" }, "http"},
		{"a cloud's metadata", func(s *subscription.Subscription) { s.NotificationURL = "http://169.254.169.254/latest" }, "no notification goes to"},
		{"a long state", func(s *subscription.Subscription) { s.ClientState = strings.Repeat("x", 256) }, "255"},
	} {
		s := good
		c.of(&s)
		if _, err := w.m.Create(context.Background(), s); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	l.mute = true
	if _, err := w.m.Create(context.Background(), good); err == nil || !strings.Contains(err.Error(), "echo") {
		t.Errorf("who does not echo is told: %v", err)
	}
}
