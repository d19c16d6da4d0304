package odata

import (
	"net/url"
	"strconv"
	"strings"

	"sextant/fault"
)

// Options are the query options of one request. What was not given is zero.
type Options struct {
	Filter    Expr
	OrderBy   []OrderKey
	Select    []*Path
	Expand    []*Path
	Top       int // -1: not given
	Skip      int
	Count     bool
	Search    string
	SkipToken string
	Format    string

	// Raw are the options as they were written, by name without the $, in lower case.
	Raw map[string]string
}

// OrderKey is one key of $orderby.
type OrderKey struct {
	Expr Expr
	Desc bool
}

// OptionError says which option is wrong; its cause has the place in the option's
// text.
type OptionError struct {
	Option string // with its $
	Text   string // of the option
	Err    error
}

func (e *OptionError) Error() string { return e.Err.Error() }
func (e *OptionError) Unwrap() error { return e.Err }

// Split a query into its options: names, in lower case and without the $, and
// values. Options that OData does not define are left out; a name may be given once.
func Split(query string) (map[string]string, error) {
	out := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "the query %q is not percent-encoded as it should be", short(pair))
		}
		plain, dollar := strings.CutPrefix(name, "$")
		plain = strings.ToLower(plain)
		if !known[plain] {
			if dollar {
				return nil, fault.New(fault.Invalid, "the query option '%s' is not known; $filter, $select, $orderby, $top, $skip, $count, $expand and $format are", short(name))
			}
			continue
		}
		if _, twice := out[plain]; twice {
			return nil, fault.New(fault.Invalid, "the query option '$%s' is given more than once", plain)
		}
		out[plain] = value
	}
	return out, nil
}

// known options; Graph takes them without the $ too.
var known = map[string]bool{"filter": true, "select": true, "orderby": true, "top": true, "skip": true, "count": true, "expand": true, "search": true, "skiptoken": true, "format": true}

// Parse the options that Split gave.
func Parse(raw map[string]string) (*Options, error) {
	o := &Options{Top: -1, Raw: raw, Search: raw["search"], SkipToken: raw["skiptoken"], Format: raw["format"]}
	var bad error
	option := func(name string, f func(text string) error) {
		text, given := raw[name]
		if !given || bad != nil {
			return
		}
		if err := f(text); err != nil {
			bad = &OptionError{Option: "$" + name, Text: text, Err: err}
		}
	}
	number := func(into *int) func(string) error {
		return func(text string) error {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || n < 0 {
				return problem(fault.Span{Length: len(text)}, "'%s' is not a whole number of 0 or more.", short(text))
			}
			*into = n
			return nil
		}
	}
	option("filter", func(text string) (err error) { o.Filter, err = ParseFilter(text); return err })
	option("orderby", func(text string) (err error) { o.OrderBy, err = ParseOrder(text); return err })
	option("select", func(text string) (err error) { o.Select, err = ParsePaths(text); return err })
	option("expand", func(text string) (err error) { o.Expand, err = ParsePaths(text); return err })
	option("top", number(&o.Top))
	option("skip", number(&o.Skip))
	option("count", func(text string) error {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true":
			o.Count = true
		case "false":
		default:
			return problem(fault.Span{Length: len(text)}, "'%s' is neither true nor false.", short(text))
		}
		return nil
	})
	return o, bad
}

// ParseOrder reads a $orderby.
func ParseOrder(text string) ([]OrderKey, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var out []OrderKey
	for p.bad == nil {
		k := OrderKey{Expr: p.expression(0)}
		if p.word("desc") {
			k.Desc = true
			p.advance()
		} else if p.word("asc") {
			p.advance()
		}
		out = append(out, k)
		if !p.sign(",") {
			break
		}
		p.advance()
	}
	if p.bad == nil && p.tok.kind != endToken {
		p.unexpected("a comma, asc or desc")
	}
	if len(out) > maxKeys {
		p.fail(fault.Span{}, "There are %d keys to order by; %d are the most.", len(out), maxKeys)
	}
	return out, p.bad
}

// maxKeys of a $orderby.
const maxKeys = 8

// ParsePaths reads the comma-separated paths of a $select or $expand; * is a path of
// that name.
func ParsePaths(text string) ([]*Path, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var out []*Path
	for p.bad == nil {
		t := p.tok
		switch {
		case p.sign("*"):
			p.advance()
			out = append(out, &Path{At: t.at, Names: []string{"*"}, Spans: []fault.Span{t.at}})
		case t.kind == wordToken:
			p.advance()
			e := p.path(t)
			path, ok := e.(*Path)
			if !ok {
				p.fail(e.Span(), "Only properties can stand here.")
				break
			}
			out = append(out, path)
		default:
			p.unexpected("the name of a property")
		}
		if !p.sign(",") {
			break
		}
		p.advance()
	}
	if p.bad == nil && p.tok.kind != endToken {
		p.unexpected("a comma")
	}
	if p.bad != nil {
		return nil, p.bad
	}
	return out, nil
}
