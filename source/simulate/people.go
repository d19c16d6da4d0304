package simulate

import (
	"strconv"
	"strings"
)

// person is somebody with an account: a member or a guest.
type person struct {
	seed      uint64
	id        guid
	name, upn string
	home      uint8 // place
	office    uint8 // place of the nearest office
	dept      uint8
	start     int16 // minutes after local midnight when the working day begins
	inOffice  uint8 // of 100 working days
	role      int8  // index in directoryRoles, -1 for none
	guest     bool
	dormant   bool // signs in to nothing: an account that was forgotten
	nightly   bool // works a late shift
	intensity int  // sessions of 1,000 that others have
	line      address
	devices   [3]device // desk, phone, second
	favourite [4]uint8  // applications
}

var departments = []string{"Engineering", "Sales", "Finance", "People", "IT", "Marketing", "Operations", "Legal", "Research", "Support"}

const deptIT, deptFinance = 4, 2

var firstNames = strings.Fields(`Adaeze Aiko Alasdair Alba Amara Amelie Anders Anika Anton Arjun Astrid Aurelio Beatriz Benedikt Bianca
 Bram Brigid Caio Camille Casper Cedric Chiara Ciaran Clara Dagmar Dalia Daniel Deepa Diego Edda Eirik Elias Elif Emre Esther Fabian Farah
 Felix Fenna Finn Freya Gavin Georgia Gita Greta Gustav Hana Harald Hedda Hugo Ida Imani Ines Ingrid Isak Ivo Jana Jarek Jasper Johanna
 Jonas Joris Kaito Kamala Karim Katya Keira Kenji Kofi Lars Leila Leon Liam Linnea Lorena Lucia Luka Magda Malik Mara Marek Marta Mateo
 Maya Milan Mina Nadia Naoko Neha Nico Nina Noor Oksana Olaf Olive Omar Oskar Paloma Pavel Petra Priya Quentin Rafael Ravi Renata Rhea
 Rohan Rosa Runa Samir Sanne Saoirse Selma Silas Sofia Stellan Sunita Tara Tariq Tessa Theo Tomas Ulla Valentin Vera Viktor Wanda Willem
 Xenia Yara Yusuf Zane Zofia`)

var lastNames = strings.Fields(`Abara Achterberg Adeyemi Ahlberg Almeida Andrade Aoki Arslan Baird Banerjee Baumann Becker Bergstrom Bianchi
 Blackwood Bose Brennan Castellan Chandra Choi Colombo Costa Dahl Delacroix Desai Doyle Drummond Eberhart Eklund Esposito Fairweather
 Ferreira Fischer Fournier Gallo Garcia Ghosh Grabowski Haas Halloran Hartwell Hayashi Hedlund Hoffmann Holm Ibarra Iyer Jansen Johansson
 Kapoor Keller Kimura Klein Kowalski Kruger Lacroix Lange Larsen Lefevre Lindqvist Lombardi Lynch Mahoney Marchetti Mehta Meyer Moreau
 Mukherjee Murray Nakamura Nair Navarro Nilsson Novak Nowak Oduya Okafor Okonkwo Olsen Ortega Osei Patel Pereira Petrov Quinn Ramirez Rao
 Reddy Reinholt Ricci Rossi Roy Sandoval Santos Sato Schneider Sharma Silva Singh Sjoberg Soto Steiner Suzuki Takeda Tanaka Thorne Tiwari
 Torres Ueda Vasquez Verma Visser Vogel Wagner Watanabe Weber Whitlock Winter Yamada Yilmaz Zieba Zimmermann`)

// people makes the accounts up. Those with a role come first, then the rest of
// the members, then the guests.
func (t *Tenant) makePeople(n int) {
	t.people = make([]person, n)
	guests := n / 20
	roles := rolesFor(n)
	taken := make(map[string]int, n)
	for i := range t.people {
		p := &t.people[i]
		p.seed = seedOf(t.seed, 'p', uint64(i))
		r := rng{p.seed}
		p.id = guidOf(r.next())
		p.name = firstNames[r.n(len(firstNames))] + " " + lastNames[r.n(len(lastNames))]
		p.guest = i >= n-guests
		p.role = -1
		if i < len(roles) {
			p.role = int8(roles[i])
		}
		p.dept = uint8(r.n(len(departments)))
		if p.role >= 0 {
			p.dept = deptIT
		}
		// Half of the people live where an office is.
		p.home = uint8(r.n(8))
		p.office = p.home
		if r.permille(500) {
			p.home = uint8(r.n(livable))
			p.office = nearestOffice(p.home)
		}
		p.start = int16(r.within(7*60, 9*60+45))
		p.nightly = r.permille(30)
		if p.nightly {
			p.start = int16(r.within(14*60, 16*60))
		}
		p.inOffice = uint8(r.within(0, 90))
		switch {
		case p.guest:
			p.inOffice = 0
		case p.home != p.office:
			p.inOffice = uint8(r.within(0, 12))
		}
		p.intensity = 500 + r.n(500) + r.n(500) + r.n(500) - 250
		p.dormant = p.role < 0 && i%97 == 41
		p.line = address{p.home, homeFixed, uint32(r.next())}
		if r.permille(280) {
			p.line.net = homeSix
		}
		p.makeDevices(&r)
		p.makeFavourites(&r)
		p.upn = t.upnFor(p, taken)
	}
	t.guestsFrom = n - guests
}

// rolesFor are the roles handed out in a tenant of n, one for each of the
// first accounts.
func rolesFor(n int) []int {
	roles := []int{roleGlobal, roleUser, roleHelpdesk, roleSecurity}
	if n >= 50 {
		roles = append(roles, roleGlobal, roleApplication, roleConditional, roleReader, roleExchange, rolePrivileged)
	}
	for k := 200; k <= n && len(roles) < 60; k += 200 {
		roles = append(roles, []int{roleHelpdesk, roleUser, roleReader, roleSecurity}[k/200%4])
	}
	return roles
}

func nearestOffice(home uint8) uint8 {
	best, least := uint8(0), float32(1e9)
	for i, p := range places {
		if !p.office {
			continue
		}
		a, b := p.latitude-places[home].latitude, p.longitude-places[home].longitude
		if d := float32(a*a) + float32(b*b); d < least {
			best, least = uint8(i), d
		}
	}
	return best
}

func (p *person) makeDevices(r *rng) {
	desk := []uint8{windowsEdge, windowsEdge, windowsEdge, windowsChrome, windowsChrome, macChrome, macChrome, macSafari, linuxFirefox}[r.n(9)]
	phone := []uint8{iPhone, android}[r.n(2)]
	p.devices = [3]device{
		{model: desk, seed: r.next()},
		{model: phone, seed: r.next()},
		{model: []uint8{windowsChrome, macChrome, macSafari}[r.n(3)], seed: r.next()},
	}
	if p.guest {
		return
	}
	switch {
	case desk == linuxFirefox:
	case r.permille(550):
		p.devices[0].trust, p.devices[0].compliant = joined, !r.permille(60)
	case desk <= windowsChrome && r.permille(500):
		p.devices[0].trust = hybridJoined
	}
	if r.permille(450) {
		p.devices[1].trust, p.devices[1].compliant = registered, r.permille(700)
	}
}

func (p *person) makeFavourites(r *rng) {
	total := 0
	for _, a := range applications {
		total += a.weight
	}
	for i := range p.favourite {
		w := r.n(total)
		for j := range applications {
			if w -= applications[j].weight; w < 0 {
				p.favourite[i] = uint8(j)
				break
			}
		}
	}
	if p.dept == deptIT {
		p.favourite[0], p.favourite[1] = appPortal, []uint8{appCLI, appPowerShell, appVSCode, appGraphExplorer}[r.n(4)]
	}
}

func (t *Tenant) upnFor(p *person, taken map[string]int) string {
	local := strings.ToLower(strings.ReplaceAll(p.name, " ", "."))
	if taken[local]++; taken[local] > 1 {
		local += strconv.Itoa(taken[local])
	}
	if p.guest {
		return local + "_" + t.partnerOf(p).domain + "#EXT#@" + t.initialDomain
	}
	return local + "@" + t.cfg.Domain
}

// partnerOf is the organisation that a guest comes from.
func (t *Tenant) partnerOf(p *person) *partner { return &t.partners[p.seed%uint64(len(t.partners))] }

// homeTenant is a guest's own tenant, or this one.
func (t *Tenant) homeTenant(p *person) string {
	if p.guest {
		return t.partnerOf(p).tenant
	}
	return t.cfg.TenantID
}

// partner is an organisation that guests come from.
type partner struct{ domain, tenant string }

// onLeave is true on days when a person is away: two blocks of two weeks a year.
func (p *person) onLeave(days int64) bool {
	y, _, _ := civil(days)
	r := rng{seedOf(p.seed, 'v', uint64(y))}
	ofYear := int(days - dayNumber(y, 1, 1))
	for range 2 {
		from := r.n(365 - 14)
		if ofYear >= from && ofYear < from+14 {
			return true
		}
	}
	return false
}

// workplace is where a person works on a day: at home, in the office, or on a
// trip, which lasts a working week.
func (p *person) workplace(days int64) (address, bool) {
	week := seedOf(p.seed, 'w', uint64(floorDiv(days+3, 7)))
	r := rng{week}
	if r.permille(25) {
		to := uint8(r.n(livable))
		if places[to].office {
			return address{to, officeLine, uint32(r.next())}, true
		}
		return address{to, homeFixed, uint32(r.next())}, true // a hotel
	}
	r = rng{seedOf(p.seed, 'o', uint64(days))}
	if r.n(100) < int(p.inOffice) {
		return address{p.office, officeLine, uint32(r.next())}, false
	}
	return p.line, false
}
