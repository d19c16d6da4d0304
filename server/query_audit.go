package server

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sextant/access"
	"sextant/loganalytics"
	"sextant/table"
)

// queryLogs is where the audit of queries goes.
const queryLogs = "LAQueryLogs"

// Bounds of the rows that wait to be written: beyond them a query's end waits for the
// log.
const (
	auditRows  = 10_000
	auditBytes = 32 << 20
	auditBatch = 1000
)

// queryAudit writes a row of LAQueryLogs for each query of the workspaces whose
// diagnostic settings say so. While run works rows wait for it, and no query does for
// the log; before and after, a row is durable before the request has ended.
type queryAudit struct {
	s *Server

	mu      sync.Mutex
	running bool
	waiting []auditRow
	bytes   int
	wake    chan struct{}
}

// auditRow of a query and the tenant whose table it goes to.
type auditRow struct {
	tenant string
	row    json.RawMessage
}

func newQueryAudit(s *Server) *queryAudit { return &queryAudit{s: s, wake: make(chan struct{}, 1)} }

// run writes what waits until ctx ends, and then what still does.
func (q *queryAudit) run(ctx context.Context) {
	q.mu.Lock()
	q.running = true
	q.mu.Unlock()
	for {
		select {
		case <-q.wake:
			q.write(q.take())
		case <-ctx.Done():
			q.mu.Lock()
			q.running = false
			q.mu.Unlock()
			q.write(q.take())
			return
		}
	}
}

func (q *queryAudit) take() []auditRow {
	q.mu.Lock()
	defer q.mu.Unlock()
	rows := q.waiting
	q.waiting, q.bytes = nil, 0
	return rows
}

// add rows of one query.
func (q *queryAudit) add(rows []auditRow) {
	size := 0
	for _, r := range rows {
		size += len(r.row)
	}
	q.mu.Lock()
	queued := q.running && len(q.waiting) < auditRows && q.bytes+size <= auditBytes
	if queued {
		q.waiting, q.bytes = append(q.waiting, rows...), q.bytes+size
	}
	q.mu.Unlock()
	if !queued {
		q.write(rows)
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// write rows to the log, by the door that all records take.
func (q *queryAudit) write(rows []auditRow) {
	by := map[string][]json.RawMessage{}
	for _, r := range rows {
		by[r.tenant] = append(by[r.tenant], r.row)
	}
	for tenant, all := range by {
		for part := range slices.Chunk(all, auditBatch) {
			ids := make([]string, len(part))
			for i := range ids {
				ids[i] = uuid.NewString()
			}
			// It does not end with the request that it tells of.
			if err := q.s.Append(context.Background(), tenant, queryLogs, part, ids); err != nil {
				q.s.metrics.unaudited.Add(float64(len(part)))
				q.s.o.Logger.Error("queries are missing from "+queryLogs, "tenant", tenant, "queries", len(part), "reason", err)
			}
		}
	}
}

// Asked implements loganalytics.Auditor.
func (v *view) Asked(run loganalytics.Runner, a loganalytics.Asked) {
	var asked []place
	switch r := run.(type) {
	case place:
		asked = []place{r}
	case *together:
		asked = r.of
	}
	var rows []auditRow
	var all []loganalytics.Info
	for _, p := range asked {
		all = append(all, p.Info())
	}
	for i, p := range asked {
		to, err := loganalytics.QueryAudits(v.s.o.Node.State(), all[i].ResourceID)
		if err != nil {
			v.s.o.Logger.Error("whether queries are audited cannot be read", "reason", err)
			continue
		}
		for _, id := range to {
			into, err := v.s.inside.workspace(id)
			if err != nil {
				v.s.o.Logger.Error("queries are missing from "+queryLogs, "workspace", id, "reason", err)
				continue
			}
			rows = append(rows, auditRow{into.t.ID, v.auditOf(p, all[i], all, a)})
		}
	}
	if len(rows) > 0 {
		v.s.audit.add(rows)
	}
}

// auditOf a query, as a row of the table. What is not measured here is missing.
//
// Source: the published columns of LAQueryLogs.
func (v *view) auditOf(p place, of loganalytics.Info, all []loganalytics.Info, a loganalytics.Asked) json.RawMessage {
	directory := v.who.Tenant
	if directory == "" {
		directory = v.s.directory(p.t)
	}
	workspaces, resources := []string{}, []string{}
	for _, i := range all {
		workspaces = append(workspaces, i.ResourceID)
	}
	target := of.ResourceID
	if p.scope != "" {
		target, workspaces = p.scope, []string{}
		resources = append(resources, p.scope)
	}
	row := map[string]any{
		"TimeGenerated": a.At.UTC().Format(time.RFC3339Nano), "CorrelationId": a.Correlation, "QueryText": a.Text,
		"AADObjectId": v.who.ObjectID, "AADTenantId": directory, "AADClientId": v.who.AppID, "RequestClientApp": a.App,
		"RequestTarget": target, "RequestContext": map[string]any{"workspaces": workspaces, "applications": []string{}, "resources": resources},
		"ResponseCode": a.Status, "ResponseRowCount": a.Rows, "ResponseDurationMs": float64(a.Took.Microseconds()) / 1000,
		"StatsWorkspaceCount": len(all), "StatsRegionCount": 1, "WorkspaceRegion": of.Location,
		"IsBillableQuery": false, "IsWorkspaceInFailover": false, "SourceSystem": "Azure", "_ResourceId": strings.ToLower(of.ResourceID),
	}
	if a.Status == 0 {
		row["ResponseCode"] = http.StatusOK
	}
	switch v.who.Kind {
	case access.User:
		row["AADEmail"] = v.who.Name
	case access.Key: // it is the client, and nobody else stands behind it
		row["AADClientId"] = v.who.ObjectID
		if a.App == "" {
			row["RequestClientApp"] = v.who.Name
		}
	}
	if a.From != 0 || a.To != 0 {
		row["QueryTimeRangeStart"], row["QueryTimeRangeEnd"] = table.FormatDateTime(a.From), table.FormatDateTime(a.To)
	}
	text, err := json.Marshal(row)
	if err != nil {
		panic("server: " + err.Error()) // texts and numbers of our own
	}
	return text
}

var _ loganalytics.Auditor = (*view)(nil)
