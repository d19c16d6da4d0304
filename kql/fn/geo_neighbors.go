package fn

import (
	"hash/fnv"
	"math/bits"
	"strings"

	"github.com/golang/geo/s2"

	"sextant/table"
)

// neighborRows are the functions that give the cells around a cell. Kusto gives
// them as tokenSet has them.
func neighborRows() []Scalar {
	return []Scalar{
		shaped("geo_s2cell_neighbors", "The S2 cells around a cell.", "cell:string", func(a []table.Value) (any, bool) {
			id, ok := cellOf(a[0].Str())
			if !ok {
				return nil, false
			}
			var out []string
			for _, n := range id.AllNeighbors(id.Level()) {
				out = append(out, n.ToToken())
			}
			return tokenSet(out), true
		}),
		shaped("geo_geohash_neighbors", "The geohashes around a geohash.", "geohash:string", func(a []table.Value) (any, bool) {
			hash := strings.ToLower(a[0].Str())
			b, ok := boxOf(hash)
			if !ok {
				return nil, false
			}
			var out []string
			for y := 1.0; y >= -1; y-- {
				for x := -1.0; x <= 1; x++ {
					lng, lat := (b.west+b.east)/2+x*(b.east-b.west), (b.south+b.north)/2+y*(b.north-b.south)
					for _, n := range neighbour(lng, lat, len(hash)) {
						if n != any(hash) {
							out = append(out, n.(string))
						}
					}
				}
			}
			return tokenSet(out), true
		}),
	}
}

// tokenSet gives each token once, in the order in which Kusto's hash set yields
// them: a list in which those of one bucket stand together, the newest first. The
// hash is FNV-1a; buckets are a power of two, eight at first, eight times as many
// when they are full, and from 512 on twice. The documented answers show it.
func tokenSet(tokens []string) []any {
	hash := make([]uint64, 0, len(tokens))
	var kept []string
	seen := map[string]bool{}
	for _, t := range tokens {
		if !seen[t] {
			seen[t] = true
			kept = append(kept, t)
			h := fnv.New64a()
			h.Write([]byte(t)) // never fails
			hash = append(hash, h.Sum64())
		}
	}
	// A ring of nodes: node i is token i, the last is the end.
	end := len(kept)
	next, prev := make([]int, end+1), make([]int, end+1)
	next[end], prev[end] = end, end
	before := func(i, at int) {
		prev[i], next[i] = prev[at], at
		next[prev[at]], prev[at] = i, i
	}
	buckets := uint64(8)
	first := map[uint64]int{}
	for i := range kept {
		if n := uint64(i) + 1; n > buckets {
			if buckets < 512 {
				buckets *= 8
			} else {
				buckets = 1 << bits.Len64(n-1)
			}
			clear(first)
			for j := next[end]; j != end; {
				after := next[j]
				b := hash[j] & (buckets - 1)
				if at, ok := first[b]; ok {
					next[prev[j]], prev[next[j]] = next[j], prev[j]
					before(j, at)
				}
				first[b] = j
				j = after
			}
		}
		b := hash[i] & (buckets - 1)
		if at, ok := first[b]; ok {
			before(i, at)
		} else {
			before(i, end)
		}
		first[b] = i
	}
	out := make([]any, 0, end)
	for j := next[end]; j != end; j = next[j] {
		out = append(out, kept[j])
	}
	return out
}

// polylines of lines, as one region.
func polylines(lines []line) *s2.RegionUnion {
	var out s2.RegionUnion
	for i := range lines {
		out = append(out, (*s2.Polyline)(&lines[i]))
	}
	return &out
}

// neighbour is the geohash of a place beside another, around the world; none beyond the
// poles.
func neighbour(lng, lat float64, n int) []any {
	if lat > 90 || lat < -90 {
		return nil
	}
	if lng > 180 {
		lng -= 360
	} else if lng < -180 {
		lng += 360
	}
	return []any{geohash(lng, lat, n)}
}
