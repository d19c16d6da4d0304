package fn

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"sextant/table"
)

// addresses is the table of functions of IPv4 and IPv6 addresses. An address may
// carry a prefix (10.1.2.3/8); the bits beyond it do not count.
//
// None has a SQL form: written in DuckDB's functions, a test takes hundreds of
// times as long as here.
func addresses() []Scalar {
	long := func(name, doc, sig string, f func(a []table.Value) (int64, bool)) Scalar {
		return Scalar{Name: name, Sigs: sigs(sig + " -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			if n, ok := f(a); ok {
				return table.LongValue(n)
			}
			return table.Null(table.Long)
		}, Doc: doc}
	}
	test := func(name, doc string, signatures []Sig, f func(c *Context, a []table.Value) Tri) Scalar {
		return Scalar{Name: name, Sigs: signatures, Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value { return f(c, a).Value() }, Doc: doc}
	}
	compare := func(v6 bool) func(a []table.Value) (int64, bool) {
		return func(a []table.Value) (int64, bool) {
			prefix := int64(-1)
			if len(a) > 2 {
				prefix = a[2].Int64()
			}
			return compareIP(a[0].Str(), a[1].Str(), prefix, v6)
		}
	}
	match := func(v6 bool) func(c *Context, a []table.Value) Tri {
		f := compare(v6)
		return func(_ *Context, a []table.Value) Tri {
			if len(a) > 2 && a[2].IsNull() {
				return Unknown
			}
			n, ok := f(a)
			if !ok {
				return Unknown
			}
			return triOf(n == 0)
		}
	}
	ranges := sigs("ip:text, range*:text -> bool")
	lists := sigs("source:text, address*:text -> bool")
	return []Scalar{
		long("parse_ipv4", "The address as a number, its prefix applied; null where it is none.", "ip:string", func(a []table.Value) (int64, bool) {
			ip, prefix, ok := parseIPv4(a[0].Str())
			return int64(ip & mask4(prefix)), ok
		}),
		long("parse_ipv4_mask", "The address as a number, a prefix applied.", "ip:string, prefix:long", func(a []table.Value) (int64, bool) {
			ip, prefix, ok := parseIPv4(a[0].Str())
			p := a[1].Int64()
			return int64(ip & mask4(min(prefix, int(p)))), ok && p >= 0 && p <= 32
		}),
		long("ipv4_netmask_suffix", "The prefix of an address; 32 where it has none.", "ip:string", func(a []table.Value) (int64, bool) {
			_, prefix, ok := parseIPv4(a[0].Str())
			return int64(prefix), ok
		}),
		long("ipv4_compare", "-1, 0 or 1 as the first address lies before, at or after the second, under the shortest prefix.", "ip1:string, ip2:string, prefix?:long", compare(false)),
		long("ipv6_compare", "-1, 0 or 1 as the first address lies before, at or after the second, under the shortest prefix; IPv4 counts as IPv6.", "ip1:string, ip2:string, prefix?:long", compare(true)),
		test("ipv4_is_match", "Whether two addresses are the same under the shortest prefix.", sigs("ip1:string, ip2:string, prefix?:long -> bool"), match(false)),
		test("ipv6_is_match", "Whether two addresses are the same under the shortest prefix; IPv4 counts as IPv6.", sigs("ip1:string, ip2:string, prefix?:long -> bool"), match(true)),
		test("ipv4_is_private", "Whether the address is for private networks (10/8, 172.16/12, 192.168/16).", sigs("ip:string -> bool"), func(_ *Context, a []table.Value) Tri {
			ip, prefix, ok := parseIPv4(a[0].Str())
			if !ok {
				return Unknown
			}
			ip &= mask4(prefix)
			return triOf(ip>>24 == 10 || ip>>20 == 0xAC1 || ip>>16 == 0xC0A8)
		}),
		test("ipv4_is_in_range", "Whether the address lies in a range a.b.c.d/n.", sigs("ip:string, range:string -> bool"), func(c *Context, a []table.Value) Tri { return inRanges(c, a, false, true) }),
		test("ipv6_is_in_range", "Whether the address lies in a range; IPv4 counts as IPv6.", sigs("ip:string, range:string -> bool"), func(c *Context, a []table.Value) Tri { return inRanges(c, a, true, true) }),
		test("ipv4_is_in_any_range", "Whether the address lies in one of the ranges.", ranges, func(c *Context, a []table.Value) Tri { return inRanges(c, a, false, false) }),
		test("ipv6_is_in_any_range", "Whether the address lies in one of the ranges; IPv4 counts as IPv6.", ranges, func(c *Context, a []table.Value) Tri { return inRanges(c, a, true, false) }),
		{Name: "parse_ipv6", Sigs: sigs("ip:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			ip, prefix, _, ok := parseIPv6(a[0].Str())
			return str(text6(ip, prefix, ok))
		}, Doc: "The address as eight groups of hexadecimal digits, its prefix applied; IPv4 becomes an IPv6 address that ends in it."},
		{Name: "parse_ipv6_mask", Sigs: sigs("ip:string, prefix:long -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			ip, prefix, v4, ok := parseIPv6(a[0].Str())
			p := widen(a[1].Int64(), v4)
			return str(text6(ip, min(prefix, int(p)), ok && p >= 0 && p <= 128))
		}, Doc: "parse_ipv6 with a prefix applied."},
		{Name: "format_ipv4", Sigs: sigs("ip:string|long|int, prefix?:long -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			text, _, ok := formatIPv4(a)
			if !ok {
				return str("")
			}
			return str(text)
		}, Doc: "An address of a text or number, with a prefix applied."},
		{Name: "format_ipv4_mask", Sigs: sigs("ip:string|long|int, prefix?:long -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			text, prefix, ok := formatIPv4(a)
			if !ok {
				return str("")
			}
			return str(text + "/" + strconv.Itoa(prefix))
		}, Doc: "An address with its prefix, as a.b.c.d/n."},
		{Name: "ipv4_range_to_cidr_list", Sigs: sigs("start:string, end:string -> dynamic"), Eval: cidrList, Doc: "Array of the fewest ranges a.b.c.d/n that make up a range of addresses."},
		test("has_ipv4", "Whether a text holds an address, not touched by letters or digits.", sigs("source:text, address:string -> bool"), func(_ *Context, a []table.Value) Tri { return hasIPs(a, false) }),
		test("has_any_ipv4", "Whether a text holds one of the addresses.", lists, func(_ *Context, a []table.Value) Tri { return hasIPs(a, false) }),
		test("has_ipv4_prefix", "Whether a text holds an address that begins with a prefix (10.1.).", sigs("source:text, prefix:string -> bool"), func(_ *Context, a []table.Value) Tri { return hasIPs(a, true) }),
		test("has_any_ipv4_prefix", "Whether a text holds an address that begins with one of the prefixes.", lists, func(_ *Context, a []table.Value) Tri { return hasIPs(a, true) }),
		{Name: "geo_info_from_ip_address", Sigs: sigs("ip:string -> dynamic"), Eval: func(c *Context, a []table.Value) table.Value {
			addr, err := netip.ParseAddr(a[0].Str())
			if err != nil || c.Places == nil {
				return nullDynamic
			}
			return c.Places(addr)
		}, Doc: "Country, state, city and coordinates of an address, from the database that is configured; null without one."},
	}
}

// parseIPv4 reads a.b.c.d[/n]; n is 32 where there is none.
func parseIPv4(s string) (ip uint32, prefix int, ok bool) {
	s = strings.Trim(s, blanks)
	prefix = 32
	if body, p, has := strings.Cut(s, "/"); has {
		n, ok := digits(p, 1, 2)
		if !ok || n > 32 {
			return 0, 0, false
		}
		s, prefix = body, int(n)
	}
	part, seen, dots := uint32(0), 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			part, seen = part*10+uint32(c-'0'), seen+1
			if part > 255 || seen > 3 {
				return 0, 0, false
			}
		case c == '.' && seen > 0 && dots < 3:
			ip, part, seen, dots = ip<<8|part, 0, 0, dots+1
		default:
			return 0, 0, false
		}
	}
	if seen == 0 || dots != 3 {
		return 0, 0, false
	}
	return ip<<8 | part, prefix, true
}

func mask4(prefix int) uint32 {
	if prefix <= 0 {
		return 0
	}
	return ^uint32(0) << (32 - prefix)
}

func text4(ip uint32) string {
	return fmt.Sprintf("%d.%d.%d.%d", ip>>24, ip>>16&255, ip>>8&255, ip&255)
}

// parseIPv6 reads an address of either kind with its prefix, in the bits of IPv6.
func parseIPv6(s string) (addr netip.Addr, prefix int, v4, ok bool) {
	if ip, p, is := parseIPv4(s); is {
		return netip.AddrFrom16([16]byte{10: 255, 11: 255, 12: byte(ip >> 24), 13: byte(ip >> 16), 14: byte(ip >> 8), 15: byte(ip)}), 96 + p, true, true
	}
	s = strings.Trim(s, blanks)
	prefix = 128
	if body, p, has := strings.Cut(s, "/"); has {
		n, ok := digits(p, 1, 3)
		if !ok || n > 128 {
			return addr, 0, false, false
		}
		s, prefix = body, int(n)
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Is4() || a.Zone() != "" {
		return addr, 0, false, false
	}
	return netip.AddrFrom16(a.As16()), prefix, false, true
}

// widen turns a prefix that is meant for IPv4 into the bits of IPv6.
func widen(prefix int64, v4 bool) int64 {
	if v4 && prefix >= 0 && prefix <= 32 {
		return prefix + 96
	}
	return prefix
}

func masked6(a netip.Addr, prefix int) [16]byte {
	b := a.As16()
	for i := range b {
		keep := max(0, min(8, prefix-8*i))
		b[i] &= ^byte(0) << (8 - keep)
	}
	return b
}

func text6(a netip.Addr, prefix int, ok bool) string {
	if !ok {
		return ""
	}
	b := masked6(a, prefix)
	parts := make([]string, 8)
	for i := range parts {
		parts[i] = fmt.Sprintf("%02x%02x", b[2*i], b[2*i+1])
	}
	return strings.Join(parts, ":")
}

// compareIP under the shortest of three prefixes; -1 is none.
func compareIP(x, y string, prefix int64, v6 bool) (int64, bool) {
	if !v6 {
		a, pa, ok1 := parseIPv4(x)
		b, pb, ok2 := parseIPv4(y)
		if !ok1 || !ok2 || prefix > 32 || prefix < -1 {
			return 0, false
		}
		p := min(pa, pb)
		if prefix >= 0 {
			p = min(p, int(prefix))
		}
		a, b = a&mask4(p), b&mask4(p)
		return int64(btoi(a > b) - btoi(a < b)), true
	}
	a, pa, a4, ok1 := parseIPv6(x)
	b, pb, b4, ok2 := parseIPv6(y)
	if !ok1 || !ok2 || prefix > 128 || prefix < -1 {
		return 0, false
	}
	p := min(pa, pb)
	if prefix >= 0 {
		p = min(p, int(widen(prefix, a4 && b4)))
	}
	ma, mb := masked6(a, p), masked6(b, p)
	return int64(strings.Compare(string(ma[:]), string(mb[:]))), true
}

// networks are ranges of addresses of one kind, by the length of their prefix: an
// address is looked up once for each length, however many ranges there are.
type networks struct {
	prefixes []int
	v4       map[int]map[uint32]bool
	v6       map[int]map[[16]byte]bool
}

// networksOf reads ranges; what is none is left out.
func networksOf(texts []string, v6 bool) *networks {
	out := &networks{v4: map[int]map[uint32]bool{}, v6: map[int]map[[16]byte]bool{}}
	for _, r := range texts {
		if v6 {
			a, p, _, ok := parseIPv6(r)
			if !ok {
				continue
			}
			if out.v6[p] == nil {
				out.v6[p] = map[[16]byte]bool{}
				out.prefixes = append(out.prefixes, p)
			}
			out.v6[p][masked6(a, p)] = true
		} else if ip, p, ok := parseIPv4(r); ok {
			if out.v4[p] == nil {
				out.v4[p] = map[uint32]bool{}
				out.prefixes = append(out.prefixes, p)
			}
			out.v4[p][ip&mask4(p)] = true
		}
	}
	return out
}

// has4 and has6 tell whether one of the ranges has an address.
func (n *networks) has4(ip uint32) bool {
	for _, p := range n.prefixes {
		if n.v4[p][ip&mask4(p)] {
			return true
		}
	}
	return false
}

func (n *networks) has6(ip netip.Addr) bool {
	for _, p := range n.prefixes {
		if n.v6[p][masked6(ip, p)] {
			return true
		}
	}
	return false
}

// inRanges tests the first argument against ranges, arrays of them opened. A
// range that is none does not count; alone it gives null.
func inRanges(c *Context, a []table.Value, v6, one bool) Tri {
	ip := ToText(a[0])
	x4, p4, ok4 := parseIPv4(ip)
	var x6 netip.Addr
	if v6 {
		x, p, _, ok := parseIPv6(ip)
		if !ok {
			return Unknown
		}
		x6 = netip.AddrFrom16(masked6(x, p))
	} else if !ok4 {
		return Unknown
	}
	x4 &= mask4(p4)
	if list, ok := dynList(a[1]); ok && len(a) == 2 && len(list) >= memoFrom {
		kind := "ipv4"
		if v6 {
			kind = "ipv6"
		}
		nets := memo(c, kind, list, func([]any) *networks { return networksOf(textsIn(a[1:]), v6) })
		return triOf(v6 && nets.has6(x6) || !v6 && nets.has4(x4))
	}
	some, hit := false, false
	eachText(a[1:], func(s string) bool {
		if v6 {
			if net, p, _, ok := parseIPv6(s); ok {
				some, hit = true, masked6(net, p) == masked6(x6, p)
			}
		} else if net, p, ok := parseIPv4(s); ok {
			some, hit = true, net&mask4(p) == x4&mask4(p)
		}
		return !hit
	})
	if one && !some {
		return Unknown
	}
	return triOf(hit)
}

// textsIn are the texts of a list, arrays opened.
func textsIn(list []table.Value) []string {
	var out []string
	eachText(list, func(s string) bool {
		out = append(out, s)
		return true
	})
	return out
}

func formatIPv4(a []table.Value) (text string, prefix int, ok bool) {
	var ip uint32
	prefix = 32
	if v := a[0]; v.Type() == table.String {
		if ip, prefix, ok = parseIPv4(v.Str()); !ok {
			return "", 0, false
		}
	} else {
		if v.Int64() < 0 || v.Int64() > 1<<32-1 {
			return "", 0, false
		}
		ip = uint32(v.Int64())
	}
	if len(a) > 1 {
		p := a[1].Int64()
		if p < 0 || p > 32 {
			return "", 0, false
		}
		prefix = min(prefix, int(p))
	}
	return text4(ip & mask4(prefix)), prefix, true
}

func cidrList(_ *Context, a []table.Value) table.Value {
	from, _, ok1 := parseIPv4(a[0].Str())
	to, _, ok2 := parseIPv4(a[1].Str())
	if !ok1 || !ok2 || from > to {
		return nullDynamic
	}
	out := []any{}
	for x, end := uint64(from), uint64(to); x <= end; {
		size := uint(min(bits.TrailingZeros64(x|1<<32), 32))
		for x+1<<size-1 > end {
			size--
		}
		out = append(out, fmt.Sprintf("%s/%d", text4(uint32(x)), 32-size))
		x += 1 << size
	}
	return table.DynamicValue(out)
}

// hasIPs looks for addresses (or, with prefix, beginnings of addresses that end
// in a dot, or whole ones) among those in a text.
func hasIPs(a []table.Value, prefix bool) Tri {
	var present []string
	for _, run := range strings.FieldsFunc(ToText(a[0]), func(r rune) bool { return r != '.' && !isTermRune(r) }) {
		run = strings.Trim(run, ".")
		if _, _, ok := parseIPv4(run); ok {
			present = append(present, run)
		}
	}
	found := false
	eachText(a[1:], func(want string) bool {
		_, _, whole := parseIPv4(want)
		if !whole && !(prefix && strings.HasSuffix(want, ".")) {
			return true
		}
		for _, ip := range present {
			if ip == want || prefix && !whole && strings.HasPrefix(ip, want) {
				found = true
			}
		}
		return !found
	})
	return triOf(found)
}
