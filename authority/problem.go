package authority

import (
	_ "embed"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

//go:embed data/errors.txt
var errorsText string

// problem is a refusal, a line of errors.txt. detail goes to the server's log alone.
type problem struct {
	code     int
	status   int
	name     string
	suberror string
	text     string
	detail   error
	retry    time.Duration
}

func (p *problem) Error() string { return fmt.Sprintf("AADSTS%d: %s", p.code, p.text) }

// forPeople is what a sign-in page says of the problem: Entra's own texts, which
// records and clients get, are for those who know them.
func (p *problem) forPeople() string {
	switch p.code {
	case 50126:
		return "The user name or the password is wrong."
	case 50053:
		return "After many wrong passwords the account is locked for a while. Wait a minute and try again, or ask an administrator to unlock it."
	case 90055:
		return "Too many tries from here went wrong. Wait five minutes and try again."
	}
	return p.text
}

// fields of the lines of a table of n columns.
func fields(text string, n int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			f := strings.SplitN(line, "|", n)
			if len(f) != n {
				panic("authority: a line has not the fields that it should: " + line)
			}
			for i := range f {
				f[i] = strings.TrimSpace(f[i])
			}
			if !yield(f) {
				return
			}
		}
	}
}

// refuse with a code of errors.txt. what fills its text in.
func refuse(code int, what ...string) *problem {
	for f := range fields(errorsText, 5) {
		if f[0] != strconv.Itoa(code) {
			continue
		}
		p := &problem{code: code, name: f[2], suberror: f[3], text: f[4]}
		p.status, _ = strconv.Atoi(f[1]) // a test reads them all
		for _, w := range what {
			p.text = strings.Replace(p.text, "{}", shown(w), 1)
		}
		return p
	}
	panic(fmt.Sprintf("authority: there is no error %d", code))
}

// shown is what a client sent, fit to be shown.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '<' || r == '>' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// broken is a failure of ours.
func broken(err error) *problem {
	p := refuse(90033)
	p.detail = err
	return p
}

// body of an answer to a client.
func (c *call) errorBody(p *problem) map[string]any {
	stamp := c.now.UTC().Format("2006-01-02 15:04:05Z")
	out := map[string]any{
		"error":             p.name,
		"error_description": fmt.Sprintf("%s Trace ID: %s Correlation ID: %s Timestamp: %s", p.Error(), c.trace, c.correlation, stamp),
		"error_codes":       []int{p.code}, "timestamp": stamp, "trace_id": c.trace, "correlation_id": c.correlation,
		"error_uri": c.base + "/error?code=" + strconv.Itoa(p.code),
	}
	if p.suberror != "" {
		out["suberror"] = p.suberror
	}
	return out
}

// fail answers a client.
func (c *call) fail(p *problem) {
	c.log(p)
	if p.retry > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int((p.retry+time.Second-1)/time.Second)))
	}
	if p.status == http.StatusMethodNotAllowed {
		c.w.Header().Set("Allow", http.MethodPost)
	}
	c.json(p.status, c.errorBody(p))
}

func (c *call) log(p *problem) {
	if p.detail != nil {
		c.a.o.Logger.Error("a sign-in met a failure", "trace", c.trace, "path", c.r.URL.Path, "reason", p.detail)
	}
}
