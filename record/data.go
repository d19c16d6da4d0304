package record

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"sextant/table"
)

// What is known is in text files, whose heads say how they are written.
var (
	//go:embed data/tables.txt
	tablesText string
	//go:embed data/categories.txt
	categoriesText string
	//go:embed data/mapping.txt
	mappingText string
	//go:embed data/promoted.txt
	promotedText string
	//go:embed data/aliases.txt
	aliasesText string
	//go:embed data/portal.txt
	portalText string
)

// lines of a data file with their numbers, without comments and empty ones.
func lines(text string, f func(n int, line string) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := f(n, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// typed splits name:type; without a type it is def.
func typed(word string, def table.Type) (string, table.Type, error) {
	name, typ, has := strings.Cut(word, ":")
	if !has {
		return name, def, nil
	}
	t, ok := table.ParseType(typ)
	if !ok {
		return "", 0, fmt.Errorf("%s is no type", typ)
	}
	return name, t, nil
}

func readTables(text string) (map[string]*table.Def, error) {
	defs := map[string]*table.Def{}
	var cur *table.Def
	err := lines(text, func(_ int, line string) error {
		if line[0] != ' ' {
			if defs[line] != nil {
				return fmt.Errorf("table %s is there twice", line)
			}
			cur = &table.Def{Name: line}
			defs[line] = cur
			return nil
		}
		for _, w := range strings.Fields(line) {
			name, t, err := typed(w, table.String)
			if err != nil {
				return err
			}
			if cur.Columns.Index(name) >= 0 {
				return fmt.Errorf("%s.%s is there twice", cur.Name, name)
			}
			cur.Columns = append(cur.Columns, table.Column{Name: name, Type: t})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("tables.txt: %w", err)
	}
	for _, d := range defs {
		for _, c := range []string{"TimeGenerated", "Timestamp"} {
			if i := d.Columns.Index(c); i >= 0 && d.Columns[i].Type == table.DateTime {
				d.Time = c
				break
			}
		}
	}
	return defs, nil
}

// readPromoted completes the definitions. The block of "?" comes back apart.
func readPromoted(text string, defs map[string]*table.Def) error {
	var cur []*table.Def
	err := lines(text, func(_ int, line string) error {
		if line[0] != ' ' {
			cur = cur[:0]
			for _, name := range strings.Fields(line) {
				d := defs[name]
				if d == nil {
					return fmt.Errorf("there is no table %s", name)
				}
				cur = append(cur, d)
			}
			return nil
		}
		head, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			return fmt.Errorf("no colon in %q", line)
		}
		for _, d := range cur {
			if err := promoteLine(d, head, strings.Fields(rest)); err != nil {
				return fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("promoted.txt: %w", err)
	}
	return nil
}

func promoteLine(d *table.Def, head string, words []string) error {
	physical := d.Physical()
	switch head {
	case "ids", "text":
		for _, w := range words {
			i := physical.Index(w)
			if i < 0 {
				return fmt.Errorf("there is no column %s", w)
			}
			if head == "ids" {
				d.IDs = append(d.IDs, w)
			} else {
				d.Text = append(d.Text, w)
			}
		}
		return nil
	}
	column, list := strings.CutSuffix(head, "[]")
	i := d.Columns.Index(column)
	if i < 0 {
		return fmt.Errorf("there is no column %s", column)
	}
	if t := d.Columns[i].Type; t != table.Dynamic && t != table.String {
		return fmt.Errorf("%s is no JSON column", column)
	}
	for _, w := range words {
		p := table.Promoted{Column: column}
		var err error
		if p.Path, p.Type, err = typed(w, table.String); err != nil {
			return err
		}
		if list {
			p.Path, p.Type = "[]."+p.Path, table.Dynamic
		}
		if physical.Index(p.Name()) >= 0 {
			return fmt.Errorf("%s is there twice", p.Name())
		}
		d.Promoted = append(d.Promoted, p)
	}
	return nil
}

// ref is a path from the root of a record.
type ref []string

func (r ref) String() string { return strings.Join(r, ".") }

// parseRef splits at dots; a backslash keeps the character behind it.
func parseRef(s string) ref {
	var out ref
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '.':
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(out, b.String())
}

// origin says where a column comes from.
type origin struct {
	column     string
	refs       []ref  // from the record; the first that is there counts
	special    string // "@workspace" and the like
	constant   string
	isConstant bool
	json       bool
	any        bool
	parsed     bool
	unless     ref // with unlessText: the last of refs does not count then
	unlessText string
	unverified bool
}

func parseOrigin(column, text string) (origin, error) {
	o := origin{column: column}
	if c, ok := strings.CutPrefix(text, `"`); ok {
		c, rest, ok := strings.Cut(c, `"`)
		if !ok {
			return o, fmt.Errorf("%s: the constant has no end", column)
		}
		o.constant, o.isConstant = c, true
		o.unverified = strings.TrimSpace(rest) == "?"
		return o, nil
	}
	want := true // a path may stand here
	for _, w := range strings.Fields(text) {
		switch {
		case w == "|":
			want = true
		case w == "?":
			o.unverified = true
		case w == "json":
			o.json = true
		case w == "any":
			o.any = true
		case w == "parsed":
			o.parsed = true
		case strings.HasPrefix(w, "unless:"):
			path, val, _ := strings.Cut(w[len("unless:"):], "=")
			o.unless, o.unlessText = parseRef(path), val
		case strings.HasPrefix(w, "@"):
			o.special = w
			want = false
		case want:
			o.refs = append(o.refs, parseRef(w))
			want = false
		default:
			return o, fmt.Errorf("%s: %q is no flag", column, w)
		}
	}
	return o, nil
}

// readMapping gives the origins by table; "*" holds those of every table.
func readMapping(text string, defs map[string]*table.Def) (map[string][]origin, error) {
	out := map[string][]origin{}
	cur := ""
	err := lines(text, func(_ int, line string) error {
		if name, ok := strings.CutPrefix(line, "table "); ok {
			if name != "*" && name != unknownTable && defs[name] == nil {
				return fmt.Errorf("there is no table %s", name)
			}
			cur = name
			return nil
		}
		column, src, ok := strings.Cut(line, " = ")
		if !ok {
			return fmt.Errorf("no = in %q", line)
		}
		if d := defs[cur]; d != nil && d.Columns.Index(column) < 0 {
			return fmt.Errorf("%s has no column %s", cur, column)
		}
		o, err := parseOrigin(column, src)
		if err != nil {
			return err
		}
		out[cur] = append(out[cur], o)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("mapping.txt: %w", err)
	}
	return out, nil
}

// keyField is one part of an identity.
type keyField struct {
	at   ref
	time bool
}

// categoryData is a line of categories.txt.
type categoryData struct {
	Category
	key   []keyField
	other ref // the other time
}

func readCategories(text string, defs map[string]*table.Def) ([]categoryData, error) {
	var out []categoryData
	err := lines(text, func(_ int, line string) error {
		f := strings.Split(line, "|")
		if len(f) != 6 {
			return fmt.Errorf("%d fields, not 6", len(f))
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if defs[f[1]] == nil {
			return fmt.Errorf("there is no table %s", f[1])
		}
		c := categoryData{Category: Category{Name: f[0], Table: f[1], Topic: topicOf(f[0]), Licence: f[2], About: f[5], Entra: f[2] != ""}}
		if f[3] != "" {
			for k := range strings.SplitSeq(f[3], "+") {
				path, isTime := strings.CutSuffix(strings.TrimSpace(k), ":time")
				c.key = append(c.key, keyField{parseRef(path), isTime})
			}
		}
		if f[4] != "" {
			c.other = parseRef(f[4])
		}
		if slices.ContainsFunc(out, func(o categoryData) bool { return strings.EqualFold(o.Name, c.Name) }) {
			return fmt.Errorf("category %s is there twice", c.Name)
		}
		out = append(out, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("categories.txt: %w", err)
	}
	return out, nil
}

// readAliases gives, by table ("*" for all), former or other names of columns in
// lower case.
func readAliases(text string, defs map[string]*table.Def) (map[string]map[string]string, error) {
	out := map[string]map[string]string{}
	cur := ""
	err := lines(text, func(_ int, line string) error {
		if line[0] != ' ' {
			if line != "*" && defs[line] == nil {
				return fmt.Errorf("there is no table %s", line)
			}
			cur = line
			out[cur] = map[string]string{}
			return nil
		}
		old, column, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok {
			return fmt.Errorf("no = in %q", line)
		}
		if d := defs[cur]; d != nil && d.Columns.Index(column) < 0 {
			return fmt.Errorf("%s has no column %s", cur, column)
		}
		out[cur][strings.ToLower(old)] = column
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("aliases.txt: %w", err)
	}
	return out, nil
}
