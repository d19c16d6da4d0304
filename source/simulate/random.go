package simulate

// All randomness of a tenant is drawn from 64-bit seeds that are hashes of what
// they belong to (tenant, person, day, session, …). There is no stream of
// random numbers that is shared by two things, so no record depends on which
// others were made before it: that is what makes a history the same however it
// is cut. Only integers are used on the way, because a processor may fuse
// floating-point operations and round differently from the next.

// mix is the finaliser of splitmix64: a bijection that spreads every bit.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// seedOf is a seed for what is named by parts below parent.
func seedOf(parent uint64, parts ...uint64) uint64 {
	for _, p := range parts {
		parent = mix(parent+golden) ^ mix(p+0x632be59bd9b4e019)
	}
	return mix(parent + golden)
}

// rng is splitmix64. Copying it copies its place in the sequence.
type rng struct{ s uint64 }

func (r *rng) next() uint64 {
	r.s += golden
	return mix(r.s)
}

// n is uniform in [0, n); n must be positive.
func (r *rng) n(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

// within is uniform in [low, high].
func (r *rng) within(low, high int) int { return low + r.n(high-low+1) }

// span is uniform in [0, d) ticks, for spans beyond 2^32.
func (r *rng) span(d int64) int64 {
	if d <= 0 {
		return 0
	}
	return int64(r.next()>>1) % d
}

// permille is true in p of 1,000 draws.
func (r *rng) permille(p int) bool { return r.n(1000) < p }

// around is a whole number between 0 and twice mean, whose expectation is
// mean/1024: mean is in units of 1/1024.
func (r *rng) around(mean int) int {
	if mean <= 0 {
		return 0
	}
	return (r.n(2*mean+1) + r.n(1024)) >> 10
}

// guid is the 16 bytes of a GUID in the order of its text.
type guid [16]byte

// guidOf is the random (version 4) GUID of a seed.
func guidOf(seed uint64) (g guid) {
	a, b := mix(seed+golden), mix(seed^0xd1b54a32d192ed03)
	for i := 0; i < 8; i++ {
		g[i] = byte(a >> (56 - 8*i))
		g[8+i] = byte(b >> (56 - 8*i))
	}
	g[6] = g[6]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

// requestOf is the id of a sign-in request: Entra's end with a zero byte.
func requestOf(seed uint64) guid {
	g := guidOf(seed)
	g[15] = 0
	return g
}

// sessionOf is the id of a session: Entra's begin with a zero byte.
func sessionOf(seed uint64) guid {
	g := guidOf(seed)
	g[0] = 0
	return g
}

func (g guid) String() string { return string(appendGUID(nil, g)) }
