package server

import (
	"context"

	"sextant/node"
	"sextant/protection"
	"sextant/source"
	"sextant/store"
)

// judged is a tenant as Identity Protection wants it.
type judged struct {
	*node.Tenant
	door source.Appender
}

var _ protection.Tenant = judged{}

func (j judged) ID() string { return j.Tenant.ID }

func (j judged) Append(ctx context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	return j.door.Append(ctx, recs)
}

func (j judged) Snapshot(ctx context.Context) (store.Snapshot, error) { return j.Store.Snapshot(ctx) }

func (j judged) Settle(ctx context.Context) error { return j.Loader.CatchUp(ctx) }
