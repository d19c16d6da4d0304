package authority

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestScripts plays testdata/*.txt. A script is requests and what answers them:
//
//	POST /{home}/oauth2/v2.0/token
//	grant_type=client_credentials
//	scope=https://graph.microsoft.com/.default
//
//	200
//	token_type=Bearer
//	expires_in~^3599$
//	refresh_token!
//
// A line name=value of an answer is a member to the letter, ~ a pattern, ! that it is
// not there; a.b is a member of a member. A line that begins with > keeps a member
// under a name, and {name} puts it in; {home}, {other}, {app}, {secret}, {public} and
// {base} are there from the start. "! code" below an answer's status is short for an
// error of errors.txt with its status and name. A line @5m lets time pass.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			h := newHouse(t, func(o *Options) { o.PasswordGrant = strings.Contains(string(text), "# passwords are enabled") })
			names := map[string]string{
				"home": home, "other": other, "app": h.app.AppID, "appObject": h.app.ID, "secret": h.secret, "public": h.public.AppID, "stranger": h.stranger.AppID,
				"base": h.srv.URL, "ann": h.ann.ID, "annPW": annPW, "cli": CommandLineID,
			}
			play(h, file, string(text), names)
		})
	}
}

func play(h *house, file, text string, names map[string]string) {
	fill := func(s string) string {
		for k, v := range names {
			s = strings.ReplaceAll(s, "{"+k+"}", v)
		}
		return s
	}
	blocks := regexp.MustCompile(`\n\s*\n`).Split("\n"+text, -1)
	var status int
	var got map[string]any
	for _, block := range blocks {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" || strings.HasPrefix(s, "#") })
		if len(lines) == 0 {
			continue
		}
		head := fill(lines[0])
		switch {
		case strings.HasPrefix(head, "@"):
			d, err := parseDuration(head[1:])
			h.ok(err)
			h.pass(d)
		case strings.HasPrefix(head, "GET "):
			r, err := http.NewRequest("GET", h.srv.URL+head[4:], nil)
			h.ok(err)
			status, got = h.json(r)
		case strings.HasPrefix(head, "POST "):
			form, header := url.Values{}, []string{}
			for _, l := range lines[1:] {
				if name, value, ok := strings.Cut(l, ": "); ok && !strings.Contains(name, "=") {
					header = append(header, name, fill(value))
					continue
				}
				name, value, _ := strings.Cut(l, "=")
				form.Add(name, fill(value))
			}
			status, got = h.post(head[5:], form, header...)
		case head == "signed in":
			want := fill(strings.Join(lines[1:], "; "))
			if heard := h.heard(); heard != want {
				h.t.Fatalf("%s: sign-ins %q, want %q", file, heard, want)
			}
		default:
			answer(h, file, lines, fill, names, status, got)
		}
	}
}

func answer(h *house, file string, lines []string, fill func(string) string, names map[string]string, status int, got map[string]any) {
	h.t.Helper()
	bad := func(format string, args ...any) {
		h.t.Helper()
		h.t.Fatalf("%s: %s\nwant %s\ngot %d %v", file, fmt.Sprintf(format, args...), strings.Join(lines, "\n     "), status, got)
	}
	if code, ok := strings.CutPrefix(lines[0], "! "); ok {
		n, err := strconv.Atoi(code)
		h.ok(err)
		want := refuse(n)
		text, _ := got["error_description"].(string)
		if status != want.status || got["error"] != want.name || fmt.Sprint(got["error_codes"]) != fmt.Sprint([]any{float64(n)}) ||
			!regexp.MustCompile(`^AADSTS`+code+`: .+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ$`).MatchString(text) {
			bad("the error is another")
		}
	} else if lines[0] != strconv.Itoa(status) {
		bad("the status is %d", status)
	}
	for _, l := range lines[1:] {
		l = fill(l)
		i := strings.IndexAny(l, "=~!>")
		if i < 0 {
			bad("what is %q?", l)
		}
		name, op, want := l[:i], l[i], l[i+1:]
		var v any = got
		for part := range strings.SplitSeq(name, ".") {
			if header, ok := strings.CutPrefix(part, "header "); ok {
				v = got["(headers)"].(http.Header).Get(header)
				continue
			}
			if m, ok := v.(map[string]any); ok {
				v = m[part]
			} else {
				v = nil
			}
		}
		text := ""
		if v != nil {
			text = fmt.Sprint(v)
		}
		switch op {
		case '=':
			if v == nil || text != want {
				bad("%s is %q", name, text)
			}
		case '~':
			if v == nil || !regexp.MustCompile(want).MatchString(text) {
				bad("%s is %q", name, text)
			}
		case '!':
			if v != nil {
				bad("%s is there", name)
			}
		case '>':
			names[want] = text
		}
	}
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}
