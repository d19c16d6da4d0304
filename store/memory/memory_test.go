package memory

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"sextant/store"
	"sextant/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	storetest.Run(t, storetest.Engine{
		Open: func(context.Context, string) (store.Store, error) { return New(), nil },
	})
}
