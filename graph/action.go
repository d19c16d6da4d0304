package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"sextant/access"
	"sextant/protection"
	"sextant/sentinel"
)

// Actions are the operations that change something: what an administrator says of a
// risk, and what becomes of alerts and incidents. They are given to a face by
// [Options.Operations].
type Actions struct {
	Risk  *protection.Desk
	Cases *sentinel.Desk
	// Tenant that is acted in, by its id.
	Tenant func(id string) (protection.Tenant, error)
}

// Operations of the actions.
func (a *Actions) Operations() []Operation {
	var out []Operation
	// Graph asks an application for another permission than a person's application
	// here.
	for _, act := range []protection.Action{protection.ConfirmSafe, protection.ConfirmCompromised, protection.Dismiss} {
		out = append(out, Operation{
			Method: http.MethodPost, Path: "auditLogs/signIns/" + string(act), Report: access.Protection, Action: access.Act,
			Delegated: []string{"IdentityRiskyUser.ReadWrite.All"}, Application: []string{"IdentityRiskEvent.ReadWrite.All"},
			Do: func(ctx context.Context, c *Call) (*Reply, error) {
				ids, t, err := a.asked(c, "requestIds")
				if err == nil {
					err = a.Risk.OnSignIns(ctx, t, actor(c), act, ids)
				}
				return done(err)
			},
		})
	}
	for _, s := range []struct {
		of         protection.Subject
		version    string
		report     access.Report
		member     string
		permission string
		also       []protection.Action
	}{
		{protection.Users, "", access.Protection, "userIds", "IdentityRiskyUser.ReadWrite.All", []protection.Action{protection.ConfirmSafe}},
		{protection.ServicePrincipals, "", access.WorkloadProtection, "servicePrincipalIds", "IdentityRiskyServicePrincipal.ReadWrite.All", nil},
		{protection.Agents, versions[1], access.Protection, "agentIds", "IdentityRiskyAgent.ReadWrite.All", []protection.Action{protection.ConfirmSafe}},
	} {
		for _, act := range append([]protection.Action{protection.ConfirmCompromised, protection.Dismiss}, s.also...) {
			out = append(out, Operation{
				Method: http.MethodPost, Path: "identityProtection/" + s.of.Name + "/" + string(act), Version: s.version, Report: s.report, Action: access.Act,
				Delegated: []string{s.permission}, Application: []string{s.permission},
				Do: func(ctx context.Context, c *Call) (*Reply, error) {
					ids, t, err := a.asked(c, s.member)
					if err == nil {
						err = a.Risk.OnSubjects(ctx, t, actor(c), s.of, act, ids)
					}
					return done(err)
				},
			})
		}
	}
	return append(out, a.cases()...)
}

// asked are the ids in the body of an action, without those that are named twice.
func (a *Actions) asked(c *Call, member string) ([]string, protection.Tenant, error) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(c.Body, &body); err != nil {
		return nil, nil, badJSON("{\"" + member + "\": [\"id\"]} works")
	}
	for name, value := range body {
		if !strings.EqualFold(name, member) {
			continue
		}
		var ids []string
		if err := json.Unmarshal(value, &ids); err != nil {
			return nil, nil, BadRequest("%s is not a list of ids.", member)
		}
		seen := map[string]bool{}
		kept := ids[:0]
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				kept = append(kept, id)
			}
		}
		t, err := a.Tenant(c.Tenant.ID)
		return kept, t, err
	}
	return nil, nil, BadRequest("The request body has no %s.", member)
}

// actor is who acts, for the records of the action.
func actor(c *Call) protection.Actor {
	return protection.Actor{ObjectID: c.Who.ObjectID, Name: c.Who.Name, App: c.Who.Kind != access.User, AppID: c.Who.AppID, IP: c.Remote}
}

// done is the answer to an action.
func done(err error) (*Reply, error) {
	if err != nil {
		return nil, err
	}
	return &Reply{Status: http.StatusNoContent}, nil
}
