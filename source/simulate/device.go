package simulate

// model is a kind of device with the browser on it, and the library that its
// native programs sign in with.
type model struct {
	system  string // operatingSystem
	browser string // with the version put in for "%"; empty where Entra knows none
	agent   string // user agent, "%" likewise
	rich    string // user agent of native programs; empty where the record has none
	richBrowser,
	library string // authentication library of native programs
	prefix string // of a device's name
	engine versionLine
}

// versionLine is the sequence of versions that a browser goes through.
type versionLine uint8

const (
	fixedVersion versionLine = iota
	chromium
	gecko
)

const (
	windowsEdge = iota
	windowsChrome
	macChrome
	macSafari
	iPhone
	android
	linuxFirefox
	pythonRequests
	axiosClient
	foreignWindows
)

var models = []model{
	windowsEdge: {"Windows10", "Edge %.0.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%.0.0.0 Safari/537.36 Edg/%.0.0.0",
		"Windows-AzureAD-Authentication-Provider/1.0", "", "Family: MSAL Library: MSAL.Desktop 4.66.1 Platform: Windows", "LT-", chromium},
	windowsChrome: {"Windows10", "Chrome %.0.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%.0.0.0 Safari/537.36",
		"", "Rich Client 4.61.3.0", "", "PC-", chromium},
	macChrome: {"MacOs", "Chrome %.0.0", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%.0.0.0 Safari/537.36",
		"Mozilla/5.0 (compatible; MSAL 1.0) PKeyAuth/1.0", "", "", "MB-", chromium},
	macSafari: {"MacOs", "Safari 18.3", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
		"Mozilla/5.0 (compatible; MSAL 1.0) PKeyAuth/1.0", "", "", "MB-", fixedVersion},
	iPhone: {"Ios", "Mobile Safari 18.3", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
		"Outlook-iOS/4.2508.0", "", "Family: MSAL Library: MSAL.iOS 1.8.0 Platform: MSAL.iOS", "iPhone-", fixedVersion},
	android: {"Android", "Chrome Mobile %.0.0", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%.0.0.0 Mobile Safari/537.36",
		"Dalvik/2.1.0 (Linux; U; Android 14; SM-S921B Build/UP1A.231005.007)", "", "Family: MSAL Library: MSAL.Android 5.9.0 Platform: MSAL.xplat.Android", "AND-", chromium},
	linuxFirefox: {"Linux", "Firefox %.0", "Mozilla/5.0 (X11; Linux x86_64; rv:%.0) Gecko/20100101 Firefox/%.0",
		"python-requests/2.32.3", "Python Requests 2.32", "", "WS-", gecko},
	pythonRequests: {"", "Python Requests 2.31", "python-requests/2.31.0", "python-requests/2.31.0", "Python Requests 2.31", "", "", fixedVersion},
	axiosClient:    {"", "axios 1.7.9", "axios/1.7.9", "axios/1.7.9", "axios 1.7.9", "", "", fixedVersion},
	foreignWindows: {"Windows10", "Chrome 128.0.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36", "Chrome 128.0.0", "", "", fixedVersion},
}

// version is the browser's on a day: Chromium and Firefox bring one every four
// weeks.
func (l versionLine) version(days int64) int64 {
	v := 135 + floorDiv(days-20179, 28) // Chrome 135 came out on 2025-04-01
	if l == gecko {
		v += 2
	}
	return max(v, 60)
}

// appendVersioned appends a text of a model with the day's version put in.
func (m *model) appendVersioned(b []byte, text string, days int64) []byte {
	for i := 0; i < len(text); i++ {
		if text[i] == '%' {
			b = appendInt(b, m.engine.version(days))
		} else {
			b = append(b, text[i])
		}
	}
	return b
}

// trust is what the directory knows of a device.
type trust uint8

const (
	unknownDevice trust = iota
	joined
	hybridJoined
	registered
)

var trustNames = [...]string{joined: "Azure AD joined", hybridJoined: "Hybrid Azure AD joined", registered: "Azure AD registered"}

// device is one that a person has.
type device struct {
	model     uint8
	trust     trust
	compliant bool
	seed      uint64 // of its id and name
}

func (d device) id() guid { return guidOf(seedOf(d.seed, 'd')) }

// appendName appends the host name: the model's prefix and six characters.
func (d device) appendName(b []byte) []byte {
	b = append(b, models[d.model].prefix...)
	x := seedOf(d.seed, 'n')
	for i := 0; i < 6; i++ {
		b = append(b, "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"[x>>(5*i)&31])
	}
	return b
}

// appendDetail appends the deviceDetail of a sign-in. rich is a native program.
func (d device) appendDetail(b []byte, rich bool, days int64) []byte {
	m := &models[d.model]
	b = append(b, `{"deviceId":"`...)
	if d.trust != unknownDevice {
		b = appendGUID(b, d.id())
		b = append(b, `","displayName":"`...)
		b = d.appendName(b)
	}
	b = append(b, `","operatingSystem":"`...)
	b = append(b, m.system...)
	browser := m.browser
	if rich {
		browser = m.richBrowser
	}
	if browser != "" {
		b = append(b, `","browser":"`...)
		b = m.appendVersioned(b, browser, days)
	}
	b = append(b, '"')
	if d.trust != unknownDevice {
		if d.compliant {
			b = append(b, `,"isCompliant":true`...)
		}
		if d.trust != registered {
			b = append(b, `,"isManaged":true`...)
		}
		b = append(b, `,"trustType":"`...)
		b = append(b, trustNames[d.trust]...)
		b = append(b, '"')
	}
	return append(b, '}')
}
