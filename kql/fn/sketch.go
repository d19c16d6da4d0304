package fn

import (
	"encoding/base64"
	"math"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"

	"sextant/table"
)

// sketchAggregates is the table of hll and tdigest: small summaries that can be
// stored and merged.
func sketchAggregates() []Aggregate {
	newHLL := func(*Context, []Arg) State { return &hllState{} }
	newDigest := func(*Context, []Arg) State { return &digestState{} }
	mergeDigest := func(name, column string) Aggregate {
		return Aggregate{Name: name, Sigs: sigs("digest:array -> dynamic"), ResultName: named(column), New: func(*Context, []Arg) State { return &digestState{merge: true} }, Doc: "One digest of several digests."}
	}
	return []Aggregate{
		{Name: "hll", Sigs: sigs("expr:scalar, accuracy?:integer! -> dynamic"), ResultName: named("hll"), New: newHLL, Doc: "A summary of the distinct values, for dcount_hll and hll_merge."},
		{Name: "hll_if", Sigs: sigs("expr:scalar, predicate:bool, accuracy?:integer! -> dynamic"), ResultName: named("hll_if"), New: onlyIf(1, newHLL), Doc: "hll where the predicate is true."},
		{Name: "hll_merge", Sigs: sigs("hll:array -> dynamic"), ResultName: named("hll_merge"), New: func(*Context, []Arg) State { return &hllState{merge: true} }, Doc: "One summary of several summaries."},
		{Name: "tdigest", Sigs: sigs("expr:summable, weight?:integer -> dynamic"), ResultName: named("tdigest"), New: newDigest, Doc: "A summary of the distribution of values, for percentile_tdigest and tdigest_merge."},
		mergeDigest("tdigest_merge", "merge_tdigests"),
		mergeDigest("merge_tdigest", "merge_tdigests"),
	}
}

// sketches is the table of scalar functions of hll and tdigest.
func sketches() []Scalar {
	merge := func(name, doc string, state func() State) Scalar {
		return Scalar{Name: name, Sigs: sigs("sketch*:array -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			s := state()
			for _, v := range a {
				s.Add([]table.Value{v})
			}
			return s.Results()[0]
		}, Doc: doc}
	}
	digestMerge := func() State { return &digestState{merge: true} }
	valid := func(name, doc string, f func(v table.Value) bool) Scalar {
		return Scalar{Name: name, Sigs: sigs("sketch:array, value?:scalar -> bool"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value { return table.BoolValue(f(a[0])) }, Doc: doc}
	}
	return []Scalar{
		merge("hll_merge", "One summary of several summaries.", func() State { return &hllState{merge: true} }),
		merge("tdigest_merge", "One digest of several digests.", digestMerge),
		merge("merge_tdigest", "One digest of several digests.", digestMerge),
		{Name: "dcount_hll", Sigs: sigs("hll:array -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			s := &hllState{merge: true}
			if !s.read(a[0]) {
				return table.Null(table.Long)
			}
			return table.LongValue(s.count())
		}, Doc: "Number of distinct values that a summary holds; exact for few, else within a percent."},
		{Name: "percentile_tdigest", Sigs: []Sig{typedSig("digest:array, percentile:real|number -> dynamic"), typedSig("digest:array, percentile:real|number, type:string! -> dynamic")}, Eval: func(_ *Context, a []table.Value) table.Value {
			d := &digestState{merge: true}
			d.Add(a[:1])
			v := d.percentile(a[1].Number())
			if len(a) > 2 {
				t, _ := table.ParseType(a[2].Str())
				if v.IsNull() {
					return table.Null(t)
				}
				return Convert(v, t)
			}
			return ToDynamic(v)
		}, Doc: "A percentile of a digest."},
		{Name: "percentiles_array_tdigest", Sigs: sigs("digest:array, percentile*:number|dynamic -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			d := &digestState{merge: true}
			d.Add(a[:1])
			out := []any{}
			for _, v := range a[1:] {
				list, ok := dynOf(v).([]any)
				if !ok {
					list = []any{dynOf(v)}
				}
				for _, e := range list {
					out = append(out, dynOf(d.percentile(toReal(table.DynamicValue(e)).Float64())))
				}
			}
			return table.DynamicValue(out)
		}, Doc: "Several percentiles of a digest."},
		{Name: "percentrank_tdigest", Sigs: sigs("digest:array, value:scalar -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			d := &digestState{merge: true}
			d.Add(a[:1])
			return table.RealValue(100 * d.rank(a[1].Number()) / d.weight())
		}, Doc: "The share of a digest's values that are not greater than a value, in percent."},
		{Name: "rank_tdigest", Sigs: sigs("digest:array, value:scalar -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			d := &digestState{merge: true}
			d.Add(a[:1])
			return table.RealValue(d.rank(a[1].Number()))
		}, Doc: "About how many of a digest's values are not greater than a value."},
		valid("hll_isvalid", "Whether a dynamic is a summary that hll made.", func(v table.Value) bool { return (&hllState{merge: true}).read(v) }),
		valid("tdigest_isvalid", "Whether a dynamic is a summary that tdigest made.", func(v table.Value) bool { _, ok := readDigest(v); return ok }),
	}
}

const (
	hllBits   = 14
	hllSparse = 2048 // hashes that are kept as they are before registers take over
)

// hllState is HyperLogLog over 64-bit hashes; few values are kept exactly. Stored
// it is ["hll", hash, …] or ["hll", "base64 of 2^14 registers"].
type hllState struct {
	merge  bool // arguments are summaries
	sparse map[uint64]struct{}
	dense  []byte
	buf    []byte
}

func (s *hllState) Add(args []table.Value) {
	if args[0].IsNull() {
		return
	}
	if s.merge {
		s.read(args[0])
		return
	}
	s.buf = appendKey(s.buf[:0], args[0])
	s.put(xxh3.Hash(s.buf))
}

func (s *hllState) put(h uint64) {
	if s.dense == nil {
		if s.sparse == nil {
			s.sparse = map[uint64]struct{}{}
		}
		s.sparse[h] = struct{}{}
		if len(s.sparse) <= hllSparse {
			return
		}
		s.densify()
		return
	}
	s.register(h)
}

func (s *hllState) densify() {
	if s.dense == nil {
		s.dense = make([]byte, 1<<hllBits)
		for h := range s.sparse {
			s.register(h)
		}
		s.sparse = nil
	}
}

func (s *hllState) register(h uint64) {
	i := h >> (64 - hllBits)
	s.dense[i] = max(s.dense[i], byte(bits.LeadingZeros64(h<<hllBits|1<<(hllBits-1))+1))
}

// read merges a stored summary; false where it is none.
func (s *hllState) read(v table.Value) bool {
	list, ok := dynList(v)
	if !ok || len(list) == 0 || list[0] != "hll" {
		return false
	}
	if len(list) == 2 {
		if text, ok := list[1].(string); ok {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil || len(b) != 1<<hllBits {
				return false
			}
			s.densify()
			for i, r := range b {
				s.dense[i] = max(s.dense[i], r)
			}
			return true
		}
	}
	for _, e := range list[1:] {
		n, ok := e.(int64)
		if !ok {
			return false
		}
		s.put(uint64(n))
	}
	return true
}

func (s *hllState) count() int64 {
	if s.dense == nil {
		return int64(len(s.sparse))
	}
	const m = 1 << hllBits
	sum, zeros := 0.0, 0.0
	for _, r := range s.dense {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			zeros++
		}
	}
	e := 0.7213 / (1 + 1.079/m) * m * m / sum
	if e < 2.5*m && zeros > 0 {
		e = m * math.Log(m/zeros)
	}
	return int64(math.Round(e))
}

func (s *hllState) Results() []table.Value {
	out := []any{"hll"}
	if s.dense != nil {
		out = append(out, base64.StdEncoding.EncodeToString(s.dense))
	} else {
		hashes := make([]uint64, 0, len(s.sparse))
		for h := range s.sparse {
			hashes = append(hashes, h)
		}
		slices.Sort(hashes)
		for _, h := range hashes {
			out = append(out, int64(h))
		}
	}
	return []table.Value{table.DynamicValue(out)}
}
func (s *hllState) Bytes() int64 { return 64 + 24*int64(len(s.sparse)) + int64(len(s.dense)) }

// centroid of a digest: a mean and how many values it stands for.
type centroid struct{ mean, weight float64 }

// maxCentroids is how many a digest keeps; up to so many values it is exact.
const maxCentroids = 1000

// digestState is a merging t-digest. Stored it is ["tdigest", [mean, weight], …].
type digestState struct {
	merge bool
	c     []centroid
}

func (s *digestState) Add(args []table.Value) {
	if args[0].IsNull() {
		return
	}
	if s.merge {
		if c, ok := readDigest(args[0]); ok {
			s.c = append(s.c, c...)
		}
	} else {
		w := 1.0
		if len(args) > 1 {
			w = float64(args[1].Int64())
		}
		if x := args[0].Number(); w > 0 && !math.IsNaN(x) {
			s.c = append(s.c, centroid{x, w})
		}
	}
	if len(s.c) > 10*maxCentroids {
		s.compress()
	}
}

func readDigest(v table.Value) ([]centroid, bool) {
	list, ok := dynList(v)
	if !ok || len(list) == 0 || list[0] != "tdigest" {
		return nil, false
	}
	var out []centroid
	for _, e := range list[1:] {
		p, ok := e.([]any)
		if !ok || len(p) != 2 {
			return nil, false
		}
		m, w := toReal(table.DynamicValue(p[0])), toReal(table.DynamicValue(p[1]))
		if m.IsNull() || w.IsNull() || !(w.Float64() > 0) {
			return nil, false
		}
		out = append(out, centroid{m.Float64(), w.Float64()})
	}
	return out, true
}

// compress sorts, and joins neighbours while the digest is too large: fewer
// values towards the ends, more in the middle.
func (s *digestState) compress() {
	slices.SortFunc(s.c, func(a, b centroid) int {
		switch {
		case a.mean < b.mean:
			return -1
		case a.mean > b.mean:
			return 1
		}
		return 0
	})
	if len(s.c) <= maxCentroids {
		return
	}
	total := s.weight()
	scale := func(q float64) float64 { return maxCentroids / math.Pi * math.Asin(2*min(1, max(0, q))-1) }
	out := s.c[:1]
	before := 0.0
	for _, c := range s.c[1:] {
		last := &out[len(out)-1]
		if scale((before+last.weight+c.weight)/total)-scale(before/total) <= 1 {
			w := last.weight + c.weight
			last.mean += (c.mean - last.mean) * c.weight / w
			last.weight = w
			continue
		}
		before += last.weight
		out = append(out, c)
	}
	s.c = out
}

func (s *digestState) weight() float64 {
	w := 0.0
	for _, c := range s.c {
		w += c.weight
	}
	return w
}

// percentile by nearest rank, as the percentile aggregate has it.
func (s *digestState) percentile(p float64) table.Value {
	s.compress()
	if len(s.c) == 0 {
		return table.Null(table.Real)
	}
	want, sum := p/100*s.weight(), 0.0
	for _, c := range s.c {
		if sum += c.weight; sum >= want-1e-9 {
			return table.RealValue(c.mean)
		}
	}
	return table.RealValue(s.c[len(s.c)-1].mean)
}

func (s *digestState) rank(x float64) float64 {
	n := 0.0
	for _, c := range s.c {
		if c.mean <= x {
			n += c.weight
		}
	}
	return n
}

func (s *digestState) Results() []table.Value {
	s.compress()
	out := []any{"tdigest"}
	for _, c := range s.c {
		out = append(out, []any{c.mean, c.weight})
	}
	return []table.Value{table.DynamicValue(out)}
}
func (s *digestState) Bytes() int64 { return 64 + 16*int64(cap(s.c)) }
