package server

import (
	"context"
	"encoding/json"
	"net/http"

	"sextant/access"
	"sextant/fault"
	"sextant/loganalytics"
	"sextant/notify"
	"sextant/record"
	"sextant/sentinel"
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
		Append: s.appendRecords, Raise: s.raise, As: s.asWriter,
	}
	s.mux.Handle("GET /v1/alertrules", s.as(nativeWords, func(w http.ResponseWriter, r *http.Request, v *view) {
		rules, err := a.Rules()
		if err == nil {
			rules, err = v.alertRules(rules)
		}
		if err != nil {
			s.fail(w, err)
			return
		}
		s.answer(w, http.StatusOK, map[string]any{"value": rules})
	}))
	return a.Start()
}

// alertRules are those of the principal's directory; fault.Denied where it may read
// none.
func (v *view) alertRules(all []loganalytics.RuleStatus) ([]loganalytics.RuleStatus, error) {
	if v.who.Tenant != "" {
		if err := v.may(v.who.Tenant, access.AlertRules, access.Read); err != nil {
			return nil, err
		}
	}
	out := []loganalytics.RuleStatus{}
	for _, r := range all {
		owner, _, err := v.s.owner(subscriptionOf(r.ID))
		if err != nil {
			return nil, err
		}
		if v.owns(owner) && v.may(owner, access.AlertRules, access.Read) == nil {
			out = append(out, r)
		}
	}
	return out, nil
}

// writerOf a rule is who asks, with the rights of this moment: the rule keeps them, as
// those of Azure do, until it is written again.
func writerOf(who *access.Principal) json.RawMessage {
	text, err := json.Marshal(who)
	if err != nil {
		panic("server: " + err.Error()) // texts of our own
	}
	return text
}

// asWriter are the workspaces as the writer of a rule sees them. A rule that says no
// writer sees none.
func (s *Server) asWriter(writer json.RawMessage) (loganalytics.Workspaces, error) {
	if len(writer) == 0 {
		return nil, fault.New(fault.Denied, "it is not known who wrote the rule, whose rights it would have; whoever should be the one runs: sextant alert adopt NAME")
	}
	who := &access.Principal{}
	if err := json.Unmarshal(writer, who); err != nil {
		return nil, fault.New(fault.Damaged, "the writer of the rule is not what was written: %w", err)
	}
	return &view{s: s, who: who, face: access.ARM}, nil
}

// raise an alert of a rule in the table SecurityAlert of a tenant.
func (s *Server) raise(ctx context.Context, tenant string, columns json.RawMessage) error {
	t, err := s.judged(tenant)
	if err != nil {
		return err
	}
	return (&sentinel.Desk{Clock: s.o.Clock}).Raise(ctx, t, columns)
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
