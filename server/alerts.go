package server

import (
	"context"
	"encoding/json"
	"net/http"

	"sextant/fault"
	"sextant/loganalytics"
	"sextant/notify"
	"sextant/record"
	"sextant/source"
)

// AlertOptions of a server.
type AlertOptions struct {
	// Sender of what alert rules and subscriptions have to say; nil is one without mail.
	Sender *notify.Sender
	// URL by which others reach this server, for links in what is sent.
	URL string
}

// sender of what alert rules and subscriptions have to say.
func (s *Server) sender() *notify.Sender {
	if s.o.Alerts.Sender != nil {
		return s.o.Alerts.Sender
	}
	return notify.NewSender(notify.Options{Version: s.o.Version})
}

// alerts of all workspaces. They do nothing until Work does.
func (s *Server) newAlerts(sender *notify.Sender) *loganalytics.Alerts {
	a := &loganalytics.Alerts{
		Places: s, State: s.o.Node.State(), Clock: s.o.Clock, Logger: s.o.Logger, Sender: sender, URL: s.o.Alerts.URL,
		Settle: func(ctx context.Context, tenant string) error {
			t, err := s.o.Node.Find(tenant)
			if err != nil {
				return err
			}
			return t.Loader.CatchUp(ctx)
		},
		Append: s.appendRecords,
	}
	s.mux.Handle("GET /v1/alertrules", s.admin(func(w http.ResponseWriter, r *http.Request) {
		rules, err := a.Rules()
		if err != nil {
			s.fail(w, err)
			return
		}
		s.answer(w, http.StatusOK, map[string]any{"value": rules})
	}))
	return a.Start()
}

// appendRecords of our own by the door that all records take.
func (s *Server) appendRecords(ctx context.Context, tenant string, records []json.RawMessage) error {
	recs := make([]source.Incoming, len(records))
	for i, r := range records {
		recs[i] = source.Incoming{JSON: r, Form: record.Export, Tenant: tenant, Where: "alerts"}
	}
	verdicts, err := counted{s.o.Node.Door().NoWait(), s.metrics}.Append(ctx, recs)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if v.Outcome == source.DeadLettered {
			return fault.New(fault.Invalid, "a record of our own was set aside: %s", v.Reason)
		}
	}
	return nil
}
