package graph

import (
	"strconv"
	"strings"
)

// prefers tells whether the header Prefer names a preference, and its value.
func (c *Call) prefers(name string) (value string, ok bool) {
	for _, h := range c.Header.Values("Prefer") {
		for part := range strings.SplitSeq(h, ",") {
			key, v, _ := strings.Cut(part, "=")
			if strings.EqualFold(strings.TrimSpace(key), name) {
				return strings.Trim(strings.TrimSpace(v), `"`), true
			}
		}
	}
	return "", false
}

// Preferences that answers follow.
const (
	preferAll     = "include-all-signins"
	preferMembers = "include-unknown-enum-members"
	preferPage    = "odata.maxpagesize"
)

// maxPage that the client prefers; 0 is none.
func (c *Call) maxPage() int {
	text, ok := c.prefers(preferPage)
	if !ok {
		text, ok = c.prefers("maxpagesize")
	}
	n, err := strconv.Atoi(text)
	if !ok || err != nil || n < 1 {
		return 0
	}
	return n
}

// pageSize of a list: what $top asks for, else the usual; the client may prefer less.
func (c *Call) pageSize(top, usual, most int) (int, error) {
	switch {
	case top > most:
		return 0, BadRequest("The limit of '%d' for Top query has been exceeded. The value from the incoming request is '%d'.", most, top)
	case top < 0 && c.maxPage() > 0:
		return min(c.maxPage(), most), nil
	case top < 0:
		return usual, nil
	case c.maxPage() > 0:
		return min(top, c.maxPage()), nil
	}
	return top, nil
}

// applied says which preferences an answer follows; nil is none.
func (c *Call) applied() map[string]string {
	var out []string
	for _, name := range []string{preferAll, preferMembers} {
		if _, ok := c.prefers(name); ok {
			out = append(out, name)
		}
	}
	if n := c.maxPage(); n > 0 {
		out = append(out, preferPage+"="+strconv.Itoa(n))
	}
	if out == nil {
		return nil
	}
	return map[string]string{"Preference-Applied": strings.Join(out, ", ")}
}
