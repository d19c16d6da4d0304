package duckdb

import (
	"context"
	"testing"

	"sextant/store"
	"sextant/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Engine{
		Durable: true,
		Open: func(ctx context.Context, dir string) (store.Store, error) {
			return Open(ctx, dir, Options{})
		},
	})
}
