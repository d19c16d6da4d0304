package graph

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sextant/access"
	"sextant/odata"
	"sextant/table"
)

const manualPage = "../docs/graph.md"

// The page docs/graph.md is printed from what is served; -update writes it.
func TestManualIsWhatIsServed(t *testing.T) {
	w := newWorld(t, "memory")
	got := w.face.manual()
	if *update {
		if err := os.WriteFile(manualPage, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(manualPage)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what is served (%v); go test ./graph -run Manual -update writes it", manualPage, err)
	}
}

const manualHead = `# Microsoft Graph

Sextant answers ` + "`/v1.0/` and `/beta/`" + ` as Microsoft Graph does, for Microsoft's own client libraries: give them the server's address in
the place of ` + "`https://graph.microsoft.com`" + ` and a token. This page is printed from what is served.

` + "```" + `
sextant graph get '/v1.0/auditLogs/signIns?$top=5'
sextant graph get --all '/v1.0/auditLogs/directoryAudits?$filter=initiatedBy/user/userPrincipalName eq ''ann@example.org'''
` + "```" + `

## What comes back

Objects are made from the records as they came into the log, with the properties that the version has, in the JSON types that they
have; what a record lacks is null, or an empty list. Where the log no longer holds a record, its row in the table stands for it: texts that
are missing and empty ones are then the same, and a second has seven digits.

- Sign-ins are interactive ones unless ` + "`$filter=signInEventTypes/any(t: t eq 'nonInteractiveUser')`" + ` (beta) asks for others:
  interactiveUser, nonInteractiveUser, servicePrincipal, managedIdentity. With ` + "`Prefer: include-all-signins`" + ` all kinds come at once, in both versions.
- Members that came to an enumeration later, those behind unknownFutureValue, are sent with ` + "`Prefer: include-unknown-enum-members`" + ` and read
  unknownFutureValue without; filters know them either way. ` + "`sextant graph get`" + ` asks for them. A word that is no member is sent as it came.
- Alerts are those of the table SecurityAlert, and those that came in as Graph's own objects; incidentId of the former is that of the newest incident
  that names the alert, and cannot be filtered by. Alerts of [alert rules](alerts.md) are among them (microsoftSentinel, scheduledAlerts, Azure Monitor).
- PATCH and comments work on all alerts and on incidents. What is said of an alert that another Graph gave is a record of its own
  (GraphSecurityAlertChanges_CL), which stands over the object, member by member, also over a version that comes in later; comments come behind the object's own.
  Each change has a record in AuditLogs (loggedByService Sextant), with the values before and after.
- Risky users and risk detections come once each, as the latest record has them; the records before are the history.
- Conditional access policies of sign-ins are shown to who has one of the permissions ` + "%s" + `, and as a person one of the roles ` + "%s" + `; to others the list is empty.
- Without the licence for Identity Protection, levels and details of risk read hidden and premium types generic; filters see the same.

## Options

` + "`$filter $select $orderby $top $skip $count $expand`" + ` on every collection, ` + "`/$count`" + ` behind its path. Operators: eq ne gt ge lt le and or not in has,
add sub mul div mod, any and all, ` + "`/$count`" + ` of a collection inside a filter. Functions: %s.

- Text is compared as it stands, upper and lower case apart, as the service does: a userPrincipalName is in lower case. GUIDs and members of
  enumerations are the same in either case.
- A text that is missing and an empty one are the same: ` + "`eq null` and `eq ''`" + ` find both. null eq null holds, null ne x holds, an order with null never holds.
- Every property can be filtered and ordered by, not only those for which Microsoft lists it; one that the table has no column for is null to filters,
  whatever the objects show. $search is refused: Microsoft has it on none of these collections.
- ` + "`$select`" + ` takes parts (status/errorCode). Segments of paths and names of properties match whatever their case; ConsistencyLevel may be sent and says nothing.
- ` + "`Accept`" + ` or ` + "`$format`" + ` with odata.metadata=none leaves @odata.context out, =full adds types and addresses. HEAD and OPTIONS are answered.
- An option has at most %d bytes, an expression %d parts and %d levels; what is wrong is said with its position.

## Pages

Newest first, unless ` + "`$orderby`" + ` says otherwise; objects of one moment have an order of their own, always the same. ` + "`@odata.nextLink`" + ` goes on behind the
last object: records that come in meanwhile are no part of the sequence, one that is amended meanwhile keeps its place, and comes as it was then or is by
now; each comes once. The token is sealed and good for 30 days, after a restart too; one that was changed, or is of another request, is answered with 400
` + "`Directory_ExpiredPageToken`" + `.

` + "`Prefer: odata.maxpagesize=N`" + ` asks for pages of N at most; ` + "`Preference-Applied`" + ` says what was followed.

## Change notifications

` + "`POST /subscriptions`" + ` takes any collection of this page that has records, one object of it (/{id}), or those for which a filter holds, as the
subscriber sees them (?$filter=…); other options are refused. Microsoft's service has, of what is here, security alerts alone, under the older path
/security/alerts and never all of them: one, or by a $filter. changeType is created, updated or both. The URL must echo a validation token within ten seconds. Notifications come about a second after the record, at most 100 to a
delivery, at least once; one that is not answered with 2xx is tried again for a day.

| | |
|---|---|
| life | 45 minutes (what asks for less gets that) to 43,200; with resource data to 1,440. PATCH of expirationDateTime renews |
| lifecycleNotificationUrl | subscriptionRemoved when the right to read is lost; missed when notifications were given up; reauthorizationRequired 12 hours before the end, or a quarter of the life where that is shorter. PATCH, or POST to /reauthorize, answers |
| includeResourceData | needs encryptionCertificate (base64 of X.509, RSA of 2,048 bits or more) and encryptionCertificateId. data: AES-256-CBC, PKCS #7, the first 16 bytes of the key as initialization vector; dataSignature: HMAC-SHA256 of it with the same key; dataKey: RSA-OAEP with SHA-1. validationTokens: a token of this server's authority for the application, with azp 0bf30f3b-4a52-48df-9a82-234910c4a086 |
| at most | 1,000 subscriptions of a tenant |

A subscription made with ` + "`Prefer: include-unknown-enum-members`" + ` gets resource data with such members. Not there: notificationQueryOptions (of printers alone),
delivery to event hubs.

## Collections

`

func (f *Face) manual() string {
	var b strings.Builder
	fmt.Fprintf(&b, manualHead, strings.Join(policyPermissions(), ", "), strings.Join(policyRoles(), ", "), strings.Join(odata.Functions(), " "), odata.MaxLength, odata.MaxNodes, odata.MaxDepth)
	beta := f.api[1]
	b.WriteString("| path | versions | page, at most | permissions |\n|---|---|---|---|\n")
	for _, r := range beta.resources {
		fmt.Fprintf(&b, "| `/%s`, `/{id}` | %s | %d, %d | %s |\n", r, f.versionsOf(r.String()), r.page, r.most, strings.Join(union(r.delegated, r.application), ", "))
	}
	b.WriteString("\n## Histories, reports, hunting, batches\n\n| method | path | versions | permissions |\n|---|---|---|---|\n")
	var lines []string
	in := map[string][]string{} // versions by line
	for _, a := range f.api {
		for _, op := range a.operations {
			if a.resource(strings.TrimSuffix(strings.TrimSuffix(op.Path, "/$count"), "/{id}")) != nil && op.Method == "GET" || op.Version != "" && op.Version != a.version {
				continue
			}
			permissions := strings.Join(union(op.Delegated, op.Application), ", ")
			if op.Report != "" && len(op.Application) == 0 {
				permissions += " (people only)"
			}
			line := fmt.Sprintf("| %s | `/%s` | %%s | %s |\n", op.Method, op.Path, permissions)
			if in[line] == nil {
				lines = append(lines, line)
			}
			in[line] = append(in[line], a.version)
		}
	}
	for _, line := range lines {
		fmt.Fprintf(&b, line, strings.Join(in[line], ", "))
	}
	b.WriteString(`
Reports are computed from the logs when they are asked for. A method of authentication counts as registered since an audit record says so,
or since it was used with success within the last 30 days, until an audit record says that it was deleted; whether a policy allows it the logs do not
tell, so "enabled" and "capable" say the same as "registered". An administrator is who was added to a role and not removed. Applications are counted by
interactive sign-ins, every code but 0 a failure, over whole UTC days and today so far.

A batch has at most 20 requests; ` + "`dependsOn`" + ` is followed, and what depends on a failure fails with 424. Hunting runs KQL over the tables that the
principal may read, at most 100,000 rows and three minutes.

` + "`graph.throttle: microsoft`" + ` in the configuration reproduces Microsoft's limits (429 with ` + "`Retry-After`" + `); without it there are none.

## Properties

`)
	for _, r := range beta.resources {
		fmt.Fprintf(&b, "### %s\n\n", r.entity.Name)
		if len(r.tables) == 0 {
			b.WriteString("No category of the logs has such records: the collection is empty.\n\n")
			continue
		}
		b.WriteString("| property | type | versions | in the table |\n|---|---|---|---|\n")
		def, _ := f.o.Model.Def(r.tables[0].name)
		v1 := f.api[0].model.Type(r.entity.Name)
		bind := f.bind(beta, r, r.entity, r.tables[0], &def, seen0)
		for i := range r.entity.Props {
			p := &r.entity.Props[i]
			v := "beta"
			if v1 != nil {
				if _, ok := v1.Property(p.Name); ok {
					v = "v1.0, beta"
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, strings.TrimPrefix(p.Type.Edm(), "Edm."), v, columnText(bind, p))
		}
		if v1 != nil {
			for i := range v1.Props {
				if _, ok := r.entity.Property(v1.Props[i].Name); !ok {
					old := f.bind(f.api[0], f.api[0].resource(r.String()), v1, r.tables[0], &def, seen0)
					fmt.Fprintf(&b, "| %s | %s | v1.0 | %s |\n", v1.Props[i].Name, strings.TrimPrefix(v1.Props[i].Type.Edm(), "Edm."), columnText(old, &v1.Props[i]))
				}
			}
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

var seen0 = seen{}

func columnText(b *odata.Binding, p *odata.Property) string {
	if p.Nav {
		return "`$expand`"
	}
	c, ok := b.Column(p.Name)
	if !ok {
		return "–"
	}
	if c.Fixed {
		return "the table itself"
	}
	return "`" + strings.ReplaceAll(c.Expr.String(), "|", "\\|") + "`"
}

func union(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		for _, s := range l {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

func (f *Face) versionsOf(path string) string {
	var out []string
	for i, a := range f.api {
		if a.resource(path) != nil {
			out = append(out, versions[i])
		}
	}
	return strings.Join(out, ", ")
}

func TestMetadataIsWhatIsServed(t *testing.T) {
	w := newWorld(t, "memory")
	for i, v := range versions {
		file := "testdata/metadata-" + v + ".xml"
		got := csdl(w.face.api[i])
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || string(want) != got {
			t.Errorf("%s: %v; look at the difference, and -update accepts it", file, err)
		}
		a := w.ask("GET", "/"+v+"/$metadata", "", nil)
		if a.Code != 200 || a.Body.String() != got || a.Header().Get("Content-Type") != "application/xml" {
			t.Errorf("%s: %d %s", v, a.Code, a.Header().Get("Content-Type"))
		}
	}
}

// Every collection is of a report that the policy knows, has the columns that its
// order and its identity need, and properties that a filter can name.
func TestResourcesAreWhole(t *testing.T) {
	w := newWorld(t, "memory")
	reports := access.NewPolicy().Reports()
	for _, a := range w.face.api {
		for _, r := range a.resources {
			if !slices.Contains(reports, r.report) {
				t.Errorf("%s: there is no report %q", r, r.report)
			}
			if _, ok := r.entity.Property(r.order); !ok || r.page < 1 || r.most < r.page || len(r.application) == 0 {
				t.Errorf("%s: order %q, pages %d to %d", r, r.order, r.page, r.most)
			}
			for _, name := range r.tables {
				def, ok := w.model.Def(name.name)
				if name.objects() {
					def = w.model.DefFor(strings.TrimSuffix(name.name, "_CL"))
				} else if !ok {
					t.Errorf("%s: there is no table %s", r, name.name)
					continue
				}
				b := w.face.bind(a, r, r.entity, name, &def, seen{})
				for _, p := range []string{"id", r.order, r.latest} {
					if p == "" {
						continue
					}
					if c, ok := b.Column(p); !ok || c.Expr.Type() == table.Unknown {
						t.Errorf("%s: %s has no column for %s", r, name.name, p)
					}
				}
			}
		}
	}
}
