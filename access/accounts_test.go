package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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

func TestNamesThatCannotBe(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.person("ann@aldermoor.example")
	for _, upn := range []string{
		"", "ann", "@aldermoor.example", "ann@", "ann@@aldermoor.example", "an n@aldermoor.example", "ann\x00@aldermoor.example", "ann@aldermoor.example\x00", "ann@aldermoor.example\n",
		"\u0430nn@aldermoor.example", // Cyrillic a
		"ann@\u0430ldermoor.example", "ann\u200b@aldermoor.example", "\u202eann@aldermoor.example", "a\u0308nn@aldermoor.example",
		".ann@aldermoor.example", "a..nn@aldermoor.example", "ann.@aldermoor.example", "ann@-x.example", "ann@x..example", "ann/../bo@aldermoor.example",
		strings.Repeat("a", 200) + "@aldermoor.example", "ann@" + strings.Repeat("a.", 100) + "example", "<script>@aldermoor.example", "ann@aldermoor.example/x",
	} {
		if _, err := h.AddPerson(ctx, by, home, Person{UserPrincipalName: upn}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", upn, err)
		}
		if _, err := h.PersonByName(home, upn); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q is somebody: %v", upn, err)
		}
	}
	if _, err := h.AddPerson(ctx, by, home, Person{UserPrincipalName: "ANN@aldermoor.EXAMPLE"}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same name in capitals: %v", err)
	}
	for _, name := range []string{"a\x00b", "a\u202eb", "a\u200bb", "a\nb", strings.Repeat("x", 257), "\xff"} {
		if _, err := h.AddGroup(ctx, by, home, Group{DisplayName: name}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, id := range []string{"", "..", "a/b", "a\x00", strings.Repeat("x", 65), "ä", "../../etc"} {
		if _, err := h.AddPerson(ctx, by, id, Person{UserPrincipalName: "x@aldermoor.example"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("tenant %q: %v", id, err)
		}
	}
	for _, uri := range []string{"javascript:alert(1)", "http://evil.example/", "https://x/#y", "/relative", "https://*.example/", "data:text/html,x"} {
		if _, err := h.AddApp(ctx, by, home, App{DisplayName: "x", RedirectURIs: []string{uri}}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", uri, err)
		}
	}
	for _, id := range []string{"x", "../x", "11111111-2222-3333-4444-55555555555", "11111111/2222"} {
		if _, err := h.AddPerson(ctx, by, home, Person{ID: id, UserPrincipalName: "y@aldermoor.example"}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if _, err := h.AddGroup(ctx, by, home, Group{DisplayName: "x", Members: []string{"11111111-2222-4333-8444-555555555555"}}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a member who is nobody: %v", err)
	}
	if len(h.People(home)) != 1 || len(h.Groups(home))+len(h.Apps(home)) != 0 {
		t.Error("something that cannot be is there")
	}
}

// Tenants share no name, no role and no group.
func TestTenantsAreApart(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	const other = "aaaaaaaa-0b57-4f0e-9a52-6c1d2e3f4a5b"
	ann := h.person("ann@aldermoor.example")
	theirs, err := h.AddPerson(ctx, by, other, Person{UserPrincipalName: "ann@aldermoor.example", AccountEnabled: true})
	h.ok(err)
	for _, f := range []func() error{
		func() error { _, err := h.Person(other, ann.ID); return err },
		func() error { _, err := h.ForPerson(other, ann.ID, "", nil); return err },
		func() error { _, err := h.Assign(ctx, by, other, "Reports Reader", ann.ID); return err },
		func() error {
			_, err := h.AddGroup(ctx, by, other, Group{DisplayName: "x", Members: []string{ann.ID}})
			return err
		},
		func() error { return h.DeletePerson(ctx, by, other, ann.ID) },
		func() error { return h.SetPassword(ctx, by, other, ann.ID, good, false) },
	} {
		if err := f(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%v", err)
		}
	}
	_, err = h.Assign(ctx, by, home, GlobalAdministrator, ann.ID)
	h.ok(err)
	if p, err := h.ForPerson(other, theirs.ID, "", nil); err != nil || len(p.Roles) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	h.ok(h.DeleteTenant(ctx, by, other))
	if p, err := h.ForPerson(home, ann.ID, "", nil); err != nil || !p.Is(GlobalAdministrator) {
		t.Errorf("%+v %v", p, err)
	}
}

// A change and its record are one: what the intake does not take waits, in order, and
// outlives the process.
func TestRecordsAreNotLost(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.deaf = true
	p := h.person("ann@aldermoor.example")
	h.ok(h.SetPassword(ctx, by, home, p.ID, good, false))
	if n, err := h.Pending(); n != 3 || err != nil {
		t.Fatalf("%d wait, %v", n, err)
	}
	if err := h.Deliver(ctx); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Error(err)
	}
	h.again()
	h.ok(h.try("ann@aldermoor.example", good)) // the change stands
	h.deaf = false
	h.ok(h.DeletePerson(ctx, by, home, p.ID))
	if got := h.heard(); got != "Create Company; Add user; Reset user password; Delete user" {
		t.Error(got)
	}
	if n, _ := h.Pending(); n != 0 {
		t.Errorf("%d wait", n)
	}
	// A change that is refused has no record.
	if _, err := h.AddPerson(ctx, by, home, Person{UserPrincipalName: "no"}); err == nil {
		t.Fatal("it was taken")
	}
	_, err := h.UpdatePerson(ctx, by, home, h.person("bo@aldermoor.example").ID, func(*Person) error { return nil })
	h.ok(err)
	if got := h.heard(); got != "Add user" {
		t.Error(got)
	}
	// Run tries again by itself.
	h.deaf = true
	h.person("cy@aldermoor.example")
	h.deaf = false
	run, cancel := context.WithCancel(ctx)
	h.Run(cancelled{run, cancel}, time.Hour, func(err error) { t.Error(err) })
	if got := h.heard(); got != "Add user" {
		t.Error(got)
	}
}

// cancelled ends as soon as somebody waits for its end.
type cancelled struct {
	context.Context
	cancel func()
}

func (c cancelled) Done() <-chan struct{} { c.cancel(); return c.Context.Done() }

// The records say what Entra's say, in its words.
func TestRecordsAreShapedAsEntras(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	ann := h.person("ann@aldermoor.example")
	_, err := h.Assign(ctx, by, home, "security reader", ann.ID)
	h.ok(err)
	var r struct {
		Category, OperationName, TenantID, ResourceID, CallerIPAddress string
		Properties                                                     struct {
			ID, Category, ActivityDisplayName, LoggedByService, OperationType, Result string
			InitiatedBy                                                               struct {
				User struct{ ID, UserPrincipalName, IPAddress string }
			}
			TargetResources []struct {
				ID, DisplayName, Type, UserPrincipalName string
				ModifiedProperties                       []struct{ DisplayName, OldValue, NewValue string }
			}
		}
	}
	h.ok(json.Unmarshal(h.full[len(h.full)-1], &r))
	p := r.Properties
	if r.Category != "AuditLogs" || r.OperationName != "Add member to role" || r.TenantID != home || r.ResourceID != "/tenants/"+home+"/providers/Microsoft.aadiam" || r.CallerIPAddress != by.IP ||
		p.Category != "RoleManagement" || p.ActivityDisplayName != r.OperationName || p.LoggedByService != "Core Directory" || p.OperationType != "Assign" || p.Result != "success" ||
		p.InitiatedBy.User.ID != by.ObjectID || p.InitiatedBy.User.UserPrincipalName != by.Name || p.InitiatedBy.User.IPAddress != by.IP {
		t.Errorf("%+v", r)
	}
	about := p.TargetResources[0]
	if about.ID != ann.ID || about.Type != "User" || about.UserPrincipalName != ann.UserPrincipalName || about.ModifiedProperties[1].DisplayName != "Role.DisplayName" || about.ModifiedProperties[1].NewValue != `"Security Reader"` || p.TargetResources[1].Type != "Role" {
		t.Errorf("%+v", p.TargetResources)
	}
	// Nothing secret is ever said.
	h.ok(h.SetPassword(ctx, by, home, ann.ID, good, true))
	app, err := h.AddApp(ctx, by, home, App{DisplayName: "x", AccountEnabled: true})
	h.ok(err)
	secret, _, err := h.AddSecret(ctx, by, home, app.AppID, "", 0)
	h.ok(err)
	key, _, err := h.CreateKey(ctx, by, APIKey{Name: "k", Tenant: home, Scopes: []string{"AuditLog.Read.All"}})
	h.ok(err)
	x, _ := h.Person(home, ann.ID)
	for _, text := range h.full {
		for _, s := range []string{good, secret, key, x.PasswordHash, "argon2id"} {
			if strings.Contains(string(text), s) {
				t.Errorf("a record tells a secret: %s", text)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	key, made, err := h.CreateKey(ctx, by, APIKey{Name: "reports", Tenant: home, Roles: []string{"reports reader"}, Scopes: []string{"AuditLog.Read.All"}, Expires: h.now.Add(time.Hour)})
	h.ok(err)
	p, err := h.ForKey(key)
	if err != nil || p.Tenant != home || p.Root || !p.Is("Reports Reader") || !p.May("AuditLog.Read.All") || p.ObjectID != made.ID {
		t.Errorf("%+v %v", p, err)
	}
	for _, wrong := range []string{"", "sxt_", key + "x", key[:len(key)-1], strings.ToUpper(key), "sxt_" + strings.Repeat("A", 43)} {
		if _, err := h.ForKey(wrong); !errors.Is(err, ErrNoKey) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	h.pass(time.Hour)
	_, err = h.ForKey(key)
	h.wantErr(err, ErrExpiredKey)
	for _, bad := range []APIKey{
		{Name: "nothing"}, {Name: "late", Root: true, Expires: h.now.Add(-time.Second)}, {Name: "both", Root: true, Scopes: []string{"Data.Read"}}, {Scopes: []string{"Data.Read"}},
		{Name: "odd", Scopes: []string{"a b"}}, {Name: "odd", Roles: []string{"Chief"}},
	} {
		if _, _, err := h.CreateKey(ctx, by, bad); err == nil {
			t.Errorf("%+v was made", bad)
		}
	}
	root, made, err := h.CreateKey(ctx, by, APIKey{Name: "root", Root: true})
	h.ok(err)
	_, err = h.RevokeKey(ctx, by, made.ID)
	h.ok(err)
	h.again()
	_, err = h.ForKey(root)
	h.wantErr(err, ErrRevokedKey)
	if got := len(h.APIKeys("")); got != 2 {
		t.Errorf("%d keys are listed", got)
	}
}

func TestTheFoldersOwnKey(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	key, made, err := h.LocalKey(ctx, h.dir)
	if err != nil || !made || len(key) < 40 {
		t.Fatalf("%q %v %v", key, made, err)
	}
	if info, err := os.Stat(h.dir + "/" + TokenFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if n, _ := h.Pending(); n != 0 || h.heard() != "" {
		t.Error("setting the folder up is a change of somebody's")
	}
	h.again()
	again, made, err := h.LocalKey(ctx, h.dir)
	if err != nil || made || again != key || len(h.APIKeys("")) != 1 {
		t.Errorf("%q %v %v", again, made, err)
	}
	p, err := h.ForKey(key)
	if err != nil || !p.Root || p.Tenant != "" {
		t.Errorf("%+v %v", p, err)
	}
	k, err := h.RevokeKey(ctx, by, p.ObjectID)
	h.ok(err)
	h.ok(DropToken(h.dir, k))
	h.again()
	if key, made, err := h.LocalKey(ctx, h.dir); key != "" || made || err != nil {
		t.Errorf("a start brings it back: %q %v %v", key, made, err)
	}
	// A file that somebody puts there is taken for what it is.
	mine, _, err := h.CreateKey(ctx, by, APIKey{Name: "mine", Root: true})
	h.ok(err)
	h.ok(WriteToken(h.dir, mine))
	if key, _, err := h.LocalKey(ctx, h.dir); key != mine || err != nil {
		t.Errorf("%q %v", key, err)
	}
	h.ok(os.WriteFile(h.dir+"/"+TokenFile, nil, 0o600))
	if _, _, err := h.LocalKey(ctx, h.dir); fault.KindOf(err) != fault.Conflict {
		t.Errorf("an empty file: %v", err)
	}
	// One of an earlier version becomes a key, and stays what it was.
	old := newHouse(t)
	h.ok(os.WriteFile(old.dir+"/"+TokenFile, []byte("sxt_of-an-earlier-version-0123456789\n"), 0o600))
	if key, made, err := old.LocalKey(ctx, old.dir); key != "sxt_of-an-earlier-version-0123456789" || made || err != nil {
		t.Errorf("%q %v %v", key, made, err)
	}
	if p, err := old.ForKey("sxt_of-an-earlier-version-0123456789"); err != nil || !p.Root {
		t.Errorf("%+v %v", p, err)
	}
}

func TestSetup(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	code, err := h.NewSetup()
	h.ok(err)
	h.pass(setupLife)
	h.wantErr(h.CheckSetup(code), ErrNoSetup)
	h.wantErr(h.CheckSetup(""), ErrNoSetup)
	code, err = h.NewSetup()
	h.ok(err)
	// One of many who have the link makes the account.
	var wg sync.WaitGroup
	made := make(chan string, 8)
	for i := range 8 {
		wg.Go(func() {
			p, err := h.Setup(ctx, code, home, Person{UserPrincipalName: fmt.Sprintf("u%d@aldermoor.example", i)}, good)
			switch {
			case err == nil:
				made <- p.ID
			case !errors.Is(err, ErrNoSetup):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	close(made)
	if len(made) != 1 || len(h.People(home)) != 1 || !h.Administered() {
		t.Fatalf("%d were made", len(made))
	}
	p, err := h.ForPerson(home, <-made, "", nil)
	if err != nil || !p.Is(GlobalAdministrator) {
		t.Errorf("%+v %v", p, err)
	}
	h.ok(h.try(p.Name, good))
	if got := h.heard(); got != "Create Company; Add user; Add member to role" {
		t.Error(got)
	}
}

// Readers and writers at once: nobody sees half a change, and nothing is lost.
func TestManyAtOnce(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	g, err := h.AddGroup(ctx, by, home, Group{DisplayName: "all"})
	h.ok(err)
	_, err = h.Assign(ctx, by, home, "Reports Reader", g.ID)
	h.ok(err)
	const writers, each = 4, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				p, err := h.AddPerson(ctx, by, home, Person{UserPrincipalName: fmt.Sprintf("w%d-%d@aldermoor.example", w, i), AccountEnabled: true})
				if err != nil {
					t.Error(err)
					return
				}
				_, err = h.UpdateGroup(ctx, by, home, g.ID, func(g *Group) error { g.Members = append(g.Members, p.ID); return nil })
				if err != nil {
					t.Error(err)
				}
				if x, err := h.ForPerson(home, p.ID, "", nil); err != nil || !x.Is("Reports Reader") {
					t.Errorf("%+v %v", x, err)
				}
			}
		})
		wg.Go(func() {
			for range each {
				for _, p := range h.People(home) {
					if _, err := h.ForPerson(home, p.ID, "", nil); err != nil {
						t.Error(err)
					}
				}
				h.Groups(home)
				_ = h.try("w0-0@aldermoor.example", "wrong")
			}
		})
	}
	wg.Wait()
	h.again()
	if x, err := h.Group(home, g.ID); err != nil || len(x.Members) != writers*each || len(h.People(home)) != writers*each {
		t.Errorf("%d members, %d people, %v", len(x.Members), len(h.People(home)), err)
	}
	h.ok(h.Deliver(ctx))
	if n, _ := h.Pending(); n != 0 {
		t.Errorf("%d wait", n)
	}
	if got := strings.Count(h.heard(), "Add user"); got != writers*each {
		t.Errorf("%d records of new users", got)
	}
}

// No licence at all is another thing than what a tenant has that nobody set otherwise.
func TestNoLicenceIsKept(t *testing.T) {
	h := newHouse(t)
	for _, want := range [][]string{nil, {}, {"P1"}, {}, nil, {}} {
		got, err := h.SetTenant(context.Background(), by, home, func(d *Directory) error { d.Licences = want; return nil })
		h.ok(err)
		if kept := h.Licences(home); (kept == nil) != (want == nil) || len(kept) != len(want) || (got.Licences == nil) != (want == nil) {
			t.Errorf("%#v was set, and %#v is there", want, kept)
		}
	}
	h.again()
	if kept := h.Licences(home); kept == nil || len(kept) != 0 {
		t.Errorf("after a restart %#v is there", kept)
	}
}
