package graph

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"sextant/access"
)

// throttle counts requests as Microsoft does.
type throttle struct {
	clock func() time.Time
	mu    sync.Mutex
	seen  map[string][]time.Time // moments of the requests of a window
}

func newThrottle(clock func() time.Time) *throttle {
	return &throttle{clock: clock, seen: map[string][]time.Time{}}
}

// allow one more request under a name; how long to wait where there were n in the
// window already.
func (t *throttle) allow(name string, n int, window time.Duration) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	if len(t.seen) > 10_000 {
		clear(t.seen) // limits are generous for a moment rather than memory endless
	}
	list := t.seen[name]
	for len(list) > 0 && now.Sub(list[0]) >= window {
		list = list[1:]
	}
	if len(list) >= n {
		t.seen[name] = list
		return list[0].Add(window).Sub(now), false
	}
	t.seen[name] = append(list, now)
	return 0, true
}

// limits of Microsoft for a call; nil where it may go on.
func (f *Face) limits(c *Call, op *Operation) error {
	if !f.o.Throttle {
		return nil
	}
	app, tenant := c.Who.AppID, c.Tenant.ID
	if app == "" {
		app = c.Who.ObjectID
	}
	name, n, window, scope, tell := "reports/"+app+"/"+tenant, 5, 10*time.Second, "Application", true
	switch {
	case strings.HasPrefix(strings.ToLower(op.Path), "security/runhuntingquery"), strings.HasPrefix(strings.ToLower(op.Path), "security/microsoft.graph.security.runhuntingquery"):
		name, n, window = "hunting/"+app+"/"+tenant, 45, time.Minute
	case op.Report == access.Protection || op.Report == access.WorkloadProtection:
		name, n, window, scope, tell = "protection/"+tenant, 1, time.Second, "Tenant", false
	case op.Report == access.Security:
		name, n, window = "security/"+app+"/"+tenant, 150, time.Minute
	}
	wait, ok := f.throttle.allow(name, n, window)
	if ok {
		return nil
	}
	p := &Problem{Status: http.StatusTooManyRequests, Code: "TooManyRequests", Message: "Too many requests.", Header: map[string]string{
		"x-ms-throttle-scope":       scope + "/Read/" + app + "/" + tenant,
		"x-ms-throttle-information": "ResourceUnitLimitExceeded",
	}}
	if tell { // Identity Protection does not say how long
		p.Header["Retry-After"] = strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	}
	return p
}
