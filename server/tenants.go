package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"sextant/access"
	"sextant/fault"
	"sextant/node"
	"sextant/query"
	"sextant/record"
	"sextant/store"
)

// noteOpening remembers where each log ends now.
func (s *Server) noteOpening() error {
	s.opening = map[string]map[store.TopicPartition]int64{}
	for _, t := range s.o.Node.Tenants() {
		topics, err := t.Log.Topics(context.Background())
		if err != nil {
			return err
		}
		ends := map[store.TopicPartition]int64{}
		for _, topic := range topics {
			for i, p := range topic.Partitions {
				if topic.Name != record.DeadLetterTopic {
					ends[store.TopicPartition{Topic: topic.Name, Partition: int32(i)}] = p.Next
				}
			}
		}
		s.opening[t.ID] = ends
	}
	return nil
}

// ready once every tenant has loaded what its log held when the server began, and
// for as long as loading goes on.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	for _, t := range s.o.Node.Tenants() {
		if err := t.Loader.Err(); err != nil {
			s.answerError(w, http.StatusServiceUnavailable, "ServiceUnavailable", "loading of tenant "+t.ID+" has stopped; the server's log says why")
			return
		}
		for tp, next := range s.opening[t.ID] {
			if t.Loader.Loaded(tp.Topic, tp.Partition) < next {
				s.answerError(w, http.StatusServiceUnavailable, "ServiceUnavailable", "the tables are catching up with the log")
				return
			}
		}
	}
	_, _ = io.WriteString(w, "ready\n")
}

// settleTime is how long one call waits for the tables.
const settleTime = 5 * time.Second

// settle waits, for a while, until what was taken in before can be queried.
func (s *Server) settle(w http.ResponseWriter, r *http.Request, _ *view) {
	ctx, cancel := context.WithTimeout(r.Context(), settleTime)
	defer cancel()
	err := s.o.Node.CatchUp(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"settled": err == nil})
}

// TenantInfo is one entry of GET /v1/tenants.
type TenantInfo struct {
	Tenant     string `json:"tenant"`
	Workspace  string `json:"workspace"`
	Records    int64  `json:"records"`
	LogBytes   int64  `json:"logBytes"`
	TableBytes int64  `json:"tableBytes"`
}

// Describe tenants of a node, by the tables that are seen of each.
func Describe(ctx context.Context, tenants []*node.Tenant, sees func(t *node.Tenant) func(table string) bool) ([]TenantInfo, error) {
	out := []TenantInfo{}
	for _, t := range tenants {
		info := TenantInfo{Tenant: t.ID, Workspace: t.Workspace}
		topics, err := t.Log.Topics(ctx)
		if err != nil {
			return nil, err
		}
		seen := sees(t)
		for _, topic := range topics {
			if !seen(tableOf(t.Loader.Model(), strings.TrimPrefix(topic.Name, "insights-logs-"))) {
				continue // how much there is of what one may not see is not told either
			}
			for _, p := range topic.Partitions {
				info.LogBytes += p.Bytes
			}
		}
		snap, err := t.Store.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range snap.Tables() {
			if !seen(name) {
				continue
			}
			st := snap.Stats(name)
			info.Records += st.Rows
			info.TableBytes += st.Bytes
		}
		if err := snap.Close(); err != nil {
			return nil, err
		}
		out = append(out, info)
	}
	return out, nil
}

// All is seen.
func All(*node.Tenant) func(string) bool { return func(string) bool { return true } }

func (s *Server) tenants(w http.ResponseWriter, r *http.Request, v *view) {
	mine := slices.DeleteFunc(v.tenants(), func(t *node.Tenant) bool { return !v.seesAny(t) })
	list, err := Describe(r.Context(), mine, v.sees)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, map[string]any{"value": list})
}

func (s *Server) replay(w http.ResponseWriter, r *http.Request, v *view) {
	tenant, directory := r.URL.Query().Get("tenant"), ""
	if v.who.Tenant != "" {
		t, err := v.find(tenant)
		if err != nil {
			s.fail(w, err)
			return
		}
		tenant, directory = t.ID, s.directory(t)
	}
	if err := v.may(directory, access.Ingestion, access.Act); err != nil {
		s.fail(w, err)
		return
	}
	result, err := s.o.Replay(r.Context(), tenant)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.answer(w, http.StatusOK, result)
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request, v *view) {
	p, err := v.workspace(r.URL.Query().Get("tenant"))
	if err == nil {
		err = v.enters(p.t)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	text := r.URL.Query().Get("query")
	snap, err := p.Snapshot(r.Context())
	if err != nil {
		s.fail(w, err)
		return
	}
	plan, err := s.o.Engine.ExplainOn(r.Context(), snap, p.lends(query.Request{Text: text}))
	if err != nil {
		s.la.Fail(w, r, err, text)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, plan)
}

// tail streams records as they come into the log, one JSON line each.
func (s *Server) tail(w http.ResponseWriter, r *http.Request, v *view) {
	q := r.URL.Query()
	t, err := v.find(q.Get("tenant"))
	if err == nil {
		err = v.enters(t)
	}
	if err != nil {
		s.fail(w, err)
		return
	}
	last := 0
	if text := q.Get("last"); text != "" {
		if last, err = strconv.Atoi(text); err != nil || last < 0 {
			s.fail(w, fault.New(fault.Invalid, "last=%s is not a number of records", text))
			return
		}
	}
	wire := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	if err := wire.Flush(); err != nil {
		return // the client has gone
	}
	err = t.Tail(r.Context(), node.TailOptions{Category: q.Get("category"), Last: last, Sees: v.seesCategory(t)}, func(line []byte) error {
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		return wire.Flush()
	})
	if err != nil && r.Context().Err() == nil {
		s.o.Logger.Warn("a tail ended", "reason", err)
	}
}
