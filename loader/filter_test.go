package loader

import (
	"math/rand/v2"
	"sync"
	"testing"

	"sextant/record"
)

func randomKey(rng *rand.Rand) (k record.Key) {
	for i := range k {
		k[i] = byte(rng.Uint64())
	}
	return k
}

func TestTheFilterForgetsNothingAndRarelyErrs(t *testing.T) {
	f := newFilter()
	const n = 3 * filterFirst // grows twice
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(g)))
			for range n / 4 {
				f.add(randomKey(rng))
			}
		})
	}
	wg.Wait()
	for g := range 4 {
		rng := rand.New(rand.NewPCG(1, uint64(g)))
		for range n / 4 {
			if !f.mayHave(randomKey(rng)) {
				t.Fatal("a key was forgotten")
			}
		}
	}
	rng := rand.New(rand.NewPCG(2, 0))
	wrong := 0
	for range 100_000 {
		if f.mayHave(randomKey(rng)) {
			wrong++
		}
	}
	if wrong > 1000 {
		t.Errorf("%d of 100000 strangers look known", wrong)
	}
}
