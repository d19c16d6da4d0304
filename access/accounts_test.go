package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sextant/fault"
	"sextant/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const home = "8d1a9f3c-0b57-4f0e-9a52-6c1d2e3f4a5b"

// weak is quick, and for tests alone.
var weak = Hashing{MemoryKB: 8, Passes: 1}

// house is a folder with accounts, a clock and the records that came.
type house struct {
	t   *testing.T
	dir string
	db  *state.DB
	*Accounts
	mu   sync.Mutex
	now  time.Time
	said []string // tenant activity
	full []json.RawMessage
	deaf bool // the intake refuses
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	h.open()
	t.Cleanup(func() {
		if err := h.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	if h.db, err = state.Open(h.dir + "/state"); err != nil {
		h.t.Fatal(err)
	}
	key, err := OpenSealKey(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	h.Accounts, err = OpenAccounts(Options{DB: h.db, Clock: h.clock, SealKey: key, Audit: h.audit, Hashing: weak})
	if err != nil {
		h.t.Fatal(err)
	}
}

// again closes the folder and opens it, as a restart does.
func (h *house) again() {
	h.t.Helper()
	if err := h.db.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

func (h *house) audit(_ context.Context, tenant string, record []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.deaf {
		return fault.New(fault.Unavailable, "the disk is full")
	}
	var r struct {
		OperationName string `json:"operationName"`
		TenantID      string `json:"tenantId"`
	}
	if err := json.Unmarshal(record, &r); err != nil || r.TenantID != tenant {
		return fmt.Errorf("a record that is none: %s %w", record, err)
	}
	h.said = append(h.said, r.OperationName)
	h.full = append(h.full, slices.Clone(record))
	return nil
}

// heard gives what was said since the last call.
func (h *house) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := strings.Join(h.said, "; ")
	h.said = nil
	return out
}

var by = Actor{ObjectID: "11111111-2222-4333-8444-555555555555", Name: "root@aldermoor.example", IP: "192.0.2.7"}

func (h *house) person(upn string) Person {
	h.t.Helper()
	p, err := h.AddPerson(context.Background(), by, home, Person{UserPrincipalName: upn, AccountEnabled: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

func (h *house) wantErr(err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Errorf("got %v, want %v", err, want)
	}
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func TestObjectsOutliveTheProcess(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	ann := h.person("Ann@Aldermoor.example")
	app, err := h.AddApp(ctx, by, home, App{DisplayName: "Nightly export", AccountEnabled: true, Permissions: []string{"AuditLog.Read.All"}})
	h.ok(err)
	group, err := h.AddGroup(ctx, by, home, Group{DisplayName: "Hunters", Members: []string{ann.ID, app.ID}, Outside: []string{"okta-hunters"}})
	h.ok(err)
	_, err = h.AddCustomRole(ctx, by, home, CustomRole{DisplayName: "Provisioning readers", Permissions: []string{"microsoft.directory/provisioningLogs/allProperties/read"}})
	h.ok(err)
	for _, role := range []string{"security reader", "Provisioning readers"} {
		_, err = h.Assign(ctx, by, home, role, group.ID)
		h.ok(err)
	}
	_, err = h.SetTenant(ctx, by, home, func(d *Directory) error {
		d.Domains, d.Licences = []string{"Aldermoor.example"}, []string{"p1"}
		return nil
	})
	h.ok(err)
	h.again()
	p, err := h.ForPerson(home, ann.ID, "client", []string{"AuditLog.Read.All"})
	h.ok(err)
	if fmt.Sprintln(p.Roles, p.CustomRolePermissions, p.Name) != "[Provisioning readers Security Reader] [microsoft.directory/provisioningLogs/allProperties/read] Ann@Aldermoor.example\n" {
		t.Errorf("%+v", p)
	}
	q, err := h.ForApp(strings.ToUpper(home), strings.ToUpper(app.AppID))
	h.ok(err)
	if fmt.Sprintln(q.Roles, q.Permissions, q.Kind) != "[Provisioning readers Security Reader] [AuditLog.Read.All] ServicePrincipal\n" {
		t.Errorf("%+v", q)
	}
	d, err := h.Tenant("ALDERMOOR.example")
	if err != nil || d.ID != home || fmt.Sprint(h.Licences(home)) != "[P1]" || h.Licences("elsewhere") != nil {
		t.Errorf("%+v %v", d, err)
	}
	if got := h.OutsideGroups(home, []string{"okta-hunters", "others"}); fmt.Sprint(got) != fmt.Sprint([]string{group.ID}) {
		t.Errorf("groups of elsewhere: %v", got)
	}
	if x, err := h.PersonByName(home, "ANN@aldermoor.EXAMPLE"); err != nil || x.ID != ann.ID {
		t.Errorf("%+v %v", x, err)
	}
	// What is taken away is gone from all that named it.
	h.ok(h.DeletePerson(ctx, by, home, ann.ID))
	if g, err := h.Group(home, group.ID); err != nil || fmt.Sprint(g.Members) != fmt.Sprint([]string{app.ID}) {
		t.Errorf("%+v %v", g, err)
	}
	if _, err := h.ForPerson(home, ann.ID, "", nil); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a user who was deleted: %v", err)
	}
	h.ok(h.DeleteTenant(ctx, by, home))
	h.again()
	if len(h.Tenants())+len(h.Apps(home))+len(h.Groups(home))+len(h.Assignments(home, "")) != 0 {
		t.Error("something of a deleted tenant is there")
	}
}
