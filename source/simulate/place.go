package simulate

import "slices"

// place is a city with the facts that a sign-in carries about it.
type place struct {
	city, state, country string
	latitude, longitude  float32
	offset               int // minutes east of UTC, winter
	summer               summerTime
	home, mobile         int    // autonomous systems of a fixed and a mobile carrier there
	region               string // the Azure region that serves it
	code                 string // that region's short name
	office               bool   // the organisation has one there
}

type summerTime uint8

const (
	noSummer summerTime = iota
	european
	american
	australian
)

// places are the cities of the tenant's world; offices first. At most 32: each
// owns 1/32 of the address ranges below.
var places = []place{
	{"Seattle", "Washington", "US", 47.6062, -122.3321, -480, american, 7922, 21928, "West US 2", "wus2", true},
	{"New York", "New York", "US", 40.7589, -73.97902, -300, american, 701, 21928, "East US 2", "eus2", true},
	{"London", "England", "GB", 51.50853, -0.12574, 0, european, 2856, 12576, "UK South", "uks", true},
	{"Munich", "Bayern", "DE", 48.13743, 11.57549, 60, european, 3320, 3209, "Germany West Central", "gwc", true},
	{"Paris", "Paris", "FR", 48.85341, 2.3488, 60, european, 3215, 12322, "France Central", "frc", true},
	{"Singapore", "Central Singapore", "SG", 1.28795, 103.85178, 480, noSummer, 9506, 4657, "Southeast Asia", "sea", true},
	{"Bengaluru", "Karnataka", "IN", 12.97194, 77.59369, 330, noSummer, 24560, 55836, "Central India", "inc", true},
	{"Austin", "Texas", "US", 30.26715, -97.74306, -360, american, 7018, 21928, "South Central US", "scus", true},
	{"San Francisco", "California", "US", 37.77493, -122.41942, -480, american, 7922, 21928, "West US", "wus", false},
	{"Chicago", "Illinois", "US", 41.85003, -87.65005, -360, american, 7922, 21928, "North Central US", "ncus", false},
	{"Boston", "Massachusetts", "US", 42.35843, -71.05977, -300, american, 7922, 21928, "East US", "eus", false},
	{"Toronto", "Ontario", "CA", 43.70011, -79.4163, -300, american, 812, 577, "Canada Central", "cc", false},
	{"Manchester", "England", "GB", 53.48095, -2.23743, 0, european, 2856, 12576, "UK South", "uks", false},
	{"Dublin", "Dublin", "IE", 53.33306, -6.24889, 0, european, 5466, 15502, "North Europe", "neu", false},
	{"Amsterdam", "Noord-Holland", "NL", 52.37403, 4.88969, 60, european, 1136, 33915, "West Europe", "weu", false},
	{"Berlin", "Berlin", "DE", 52.52437, 13.41053, 60, european, 3320, 3209, "Germany West Central", "gwc", false},
	{"Lyon", "Rhone", "FR", 45.74846, 4.84671, 60, european, 3215, 12322, "France Central", "frc", false},
	{"Madrid", "Madrid", "ES", 40.4165, -3.70256, 60, european, 3352, 12479, "Spain Central", "esc", false},
	{"Milan", "Milano", "IT", 45.46427, 9.18951, 60, european, 3269, 30722, "Italy North", "itn", false},
	{"Warsaw", "Mazowieckie", "PL", 52.22977, 21.01178, 60, european, 5617, 12912, "Poland Central", "plc", false},
	{"Stockholm", "Stockholms Lan", "SE", 59.32938, 18.06871, 60, european, 3301, 1257, "Sweden Central", "sdc", false},
	{"Zurich", "Zuerich", "CH", 47.36667, 8.55, 60, european, 3303, 6730, "Switzerland North", "szn", false},
	{"Tokyo", "Tokyo", "JP", 35.6895, 139.69171, 540, noSummer, 4713, 2516, "Japan East", "jpe", false},
	{"Sydney", "New South Wales", "AU", -33.86785, 151.20732, 600, australian, 1221, 4804, "Australia East", "ae", false},
	{"Mumbai", "Maharashtra", "IN", 19.07283, 72.88261, 330, noSummer, 24560, 55836, "West India", "inw", false},
	// Where nobody of the organisation lives: travel, hosting, attackers.
	{"Lagos", "Lagos", "NG", 6.45407, 3.39467, 60, noSummer, 37148, 29465, "South Africa North", "san", false},
	{"Hanoi", "Ha Noi", "VN", 21.0245, 105.84117, 420, noSummer, 7552, 45899, "Southeast Asia", "sea", false},
	{"Bucharest", "Bucuresti", "RO", 44.43225, 26.10626, 120, european, 8708, 12302, "Poland Central", "plc", false},
	{"Sao Paulo", "Sao Paulo", "BR", -23.5475, -46.63611, -180, noSummer, 28573, 26599, "Brazil South", "brs", false},
	{"Johannesburg", "Gauteng", "ZA", -26.20227, 28.04363, 120, noSummer, 3741, 29975, "South Africa North", "san", false},
	{"Ashburn", "Virginia", "US", 39.04372, -77.48749, -300, american, 701, 21928, "East US", "eus", false},
	{"Istanbul", "Istanbul", "TR", 41.01384, 28.94966, 180, noSummer, 9121, 16135, "West Europe", "weu", false},
}

// livable is the number of places, from the first, that people live in.
const livable = 25

func placeNamed(city string) uint8 {
	return uint8(slices.IndexFunc(places, func(p place) bool { return p.city == city }))
}

// offsetAt is the place's distance from UTC on a day, in minutes. Whole days
// are enough for habits: nobody starts work at the hour of the change.
func (p *place) offsetAt(days int64) int {
	y, m, d := civil(days)
	on := false
	switch p.summer {
	case european: // last Sunday of March to last Sunday of October
		on = inSummer(m, d, 3, lastSunday(y, 3, 31), 10, lastSunday(y, 10, 31))
	case american: // second Sunday of March to first Sunday of November
		on = inSummer(m, d, 3, firstSunday(y, 3)+7, 11, firstSunday(y, 11))
	case australian: // first Sunday of October to first Sunday of April
		on = !inSummer(m, d, 4, firstSunday(y, 4), 10, firstSunday(y, 10))
	}
	if on {
		return p.offset + 60
	}
	return p.offset
}

func inSummer(m, d, m1, d1, m2, d2 int) bool {
	return (m > m1 || m == m1 && d >= d1) && (m < m2 || m == m2 && d < d2)
}

func firstSunday(y, m int) int {
	return 1 + (7-weekday(dayNumber(y, m, 1)))%7
}

func lastSunday(y, m, last int) int { return last - weekday(dayNumber(y, m, last)) }

// holidays with a fixed date, by country: month*100 + day.
var holidays = map[string][]int{
	"US": {101, 619, 704, 1111, 1225},
	"CA": {101, 701, 1225, 1226},
	"GB": {101, 1225, 1226},
	"IE": {101, 317, 1225, 1226},
	"DE": {101, 501, 1003, 1225, 1226},
	"FR": {101, 501, 508, 714, 815, 1101, 1111, 1225},
	"NL": {101, 427, 1225, 1226},
	"ES": {101, 106, 501, 815, 1012, 1101, 1206, 1208, 1225},
	"IT": {101, 106, 425, 501, 602, 815, 1101, 1208, 1225, 1226},
	"PL": {101, 106, 501, 503, 815, 1101, 1111, 1225, 1226},
	"SE": {101, 106, 501, 606, 1225, 1226},
	"CH": {101, 102, 801, 1225, 1226},
	"SG": {101, 501, 809, 1225},
	"IN": {126, 501, 815, 1002, 1225},
	"JP": {101, 211, 223, 429, 503, 504, 505, 811, 1103, 1123},
	"AU": {101, 126, 425, 1225, 1226},
}

// dayOff is true at weekends and on holidays of the place.
func (p *place) dayOff(days int64) bool {
	if w := weekday(days); w == 0 || w == 6 {
		return true
	}
	_, m, d := civil(days)
	if p.country == "US" && m == 11 && weekday(days) == 4 && d >= 22 && d <= 28 {
		return true // Thanksgiving
	}
	return slices.Contains(holidays[p.country], m*100+d)
}

// network is the kind of line that an address belongs to.
type network uint8

const (
	noNetwork   network = iota // no address in the record
	homeFixed                  // 198.18.0.0/15, lower half of a place's share
	homeSix                    // 2001:db8:10xx::/48
	mobileLine                 // 198.18.0.0/15, upper half
	officeLine                 // 203.0.113.0/24
	cloudLine                  // 192.0.2.0/24: the egress of workloads
	privateLine                // a unique local address: traffic inside the cloud
	hostileLine                // 198.51.100.0/24: attackers' hosting
	hostileSix                 // 2001:db8:bad::/48
)

// Autonomous systems that are not a place's carrier. Those of offices and of
// attackers are from the range reserved for documentation, so that no real
// network is accused.
const (
	officeSystem  = 64496
	hostileSystem = 64511
	cloudSystem   = 8075
)

// address is where a request comes from. The ranges are those reserved for
// documentation and for benchmarks, so that no address is anybody's.
type address struct {
	place uint8
	net   network
	host  uint32
}

func (a address) append(b []byte) []byte {
	switch a.net {
	case homeFixed, mobileLine:
		n := uint32(198)<<24 | 18<<16 | uint32(a.place)<<12
		if a.net == mobileLine {
			n |= 1 << 11
		}
		return appendIPv4(b, n|1+a.host%2046)
	case homeSix:
		b = append(b, "2001:db8:10"...)
		b = append(b, hexDigits[a.place>>4], hexDigits[a.place&15], ':')
		x := mix(uint64(a.host))
		b = appendHextet(b, uint16(a.host%0xffff+1))
		for s := 48; s >= 0; s -= 16 {
			b = append(b, ':')
			b = appendHextet(b, uint16(x>>s)|1)
		}
		return b
	case officeLine:
		return appendIPv4(b, 203<<24|113<<8|uint32(a.place)<<3|a.host%8)
	case cloudLine:
		return appendIPv4(b, 192<<24|2<<8|uint32(a.place)<<3|a.host%8)
	case privateLine:
		x := mix(uint64(a.host))
		b = append(b, "fde4:8dba:2600:"...)
		b = appendHextet(b, uint16(a.host>>16)|1)
		b = append(b, ":6c26:400:"...)
		b = appendHextet(b, uint16(x)|1)
		b = append(b, ':')
		return appendHextet(b, uint16(x>>16)|1)
	case hostileLine:
		return appendIPv4(b, 198<<24|51<<16|100<<8|1+a.host%254)
	case hostileSix:
		b = append(b, "2001:db8:bad:"...)
		b = appendHextet(b, uint16(a.host)|1)
		return append(b, "::1"...)
	}
	return b
}

func (a address) String() string { return string(a.append(nil)) }

// located is false where Entra gives no place: workloads inside the cloud.
func (a address) located() bool { return a.net != noNetwork && a.net != privateLine }

func (a address) system() int {
	switch a.net {
	case homeFixed, homeSix:
		return places[a.place].home
	case mobileLine:
		return places[a.place].mobile
	case officeLine:
		return officeSystem
	case hostileLine, hostileSix:
		return hostileSystem
	case cloudLine:
		return cloudSystem
	}
	return 0
}

func appendIPv4(b []byte, n uint32) []byte {
	for s := 24; s >= 0; s -= 8 {
		if s < 24 {
			b = append(b, '.')
		}
		b = appendInt(b, int64(n>>s&255))
	}
	return b
}

func appendHextet(b []byte, x uint16) []byte {
	started := false
	for s := 12; s >= 0; s -= 4 {
		d := x >> s & 15
		if d != 0 || started || s == 0 {
			b = append(b, hexDigits[d])
			started = true
		}
	}
	return b
}

// locationOf is the JSON object of a place in a sign-in.
func locationOf(p *place) string {
	b := append([]byte(nil), `{"city":`...)
	b = appendQuoted(b, p.city)
	b = append(b, `,"state":`...)
	b = appendQuoted(b, p.state)
	b = append(b, `,"countryOrRegion":"`...)
	b = append(b, p.country...)
	b = append(b, `","geoCoordinates":{"latitude":`...)
	b = appendCoordinate(b, p.latitude)
	b = append(b, `,"longitude":`...)
	b = appendCoordinate(b, p.longitude)
	return string(append(b, "}}"...))
}

const nowhere = `{"city":"","state":"","countryOrRegion":"","geoCoordinates":{"latitude":0.0,"longitude":0.0}}`
