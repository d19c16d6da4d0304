// Package watchlist keeps lists of a workspace that queries read by an alias: accounts to
// watch, networks to leave out. A list is one document of package state, so it is there at
// once, whole or not at all; the functions and the table that queries know are made from it.
package watchlist

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sextant/fault"
	"sextant/state"
	"sextant/table"
)

// Kind of the documents.
const Kind = "watchlist"

// Limits of a list. Rows and lines as in Sentinel.
const (
	maxText    = 32 << 20
	maxRow     = 10 << 10
	maxColumns = 200
)

// List is one watchlist.
type List struct {
	Alias     string    `json:"alias"`
	Name      string    `json:"name"`
	Source    string    `json:"source"` // the file it came from
	SearchKey string    `json:"searchKey"`
	Columns   []string  `json:"columns"`
	Items     []Item    `json:"items"`
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`
}

// Item is a row: its values in the order of the columns.
type Item struct {
	ID      string    `json:"id"`
	Values  []string  `json:"values"`
	Updated time.Time `json:"updated"`
}

var alias = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _-]{1,62}[A-Za-z0-9]$`)

// own columns of every list.
var own = []string{"_DTItemId", "LastUpdatedTimeUTC", "SearchKey"}

// Parse a list of values with a header, separated by commas, or by tabs where the header
// has some and no comma. What cannot be a list is fault.Invalid.
func Parse(text []byte, l List, now time.Time) (List, error) {
	bad := func(format string, args ...any) (List, error) { return l, fault.New(fault.Invalid, format, args...) }
	if !alias.MatchString(l.Alias) {
		return bad("%q cannot be an alias: 3 to 64 letters, digits, blanks, dashes and underscores can, the first and the last a letter or digit", l.Alias)
	}
	if len(text) > maxText {
		return bad("the list is larger than %d MB", maxText>>20)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		return bad("the list is not UTF-8 text")
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	if head, _, _ := bytes.Cut(text, []byte("\n")); bytes.IndexByte(head, '\t') >= 0 && bytes.IndexByte(head, ',') < 0 {
		r.Comma = '\t'
	}
	head, err := r.Read()
	if err != nil {
		return bad("the list has no header: the first line names the columns")
	}
	l.Columns = nil
	for i, name := range head {
		name = strings.TrimSpace(name)
		switch {
		case name == "":
			return bad("column %d of the list has no name", i+1)
		case slices.Contains(l.Columns, name):
			return bad("the list has two columns named %s", name)
		case slices.Contains(own, name):
			return bad("a column cannot be named %s: every list has one", name)
		}
		l.Columns = append(l.Columns, name)
	}
	if len(l.Columns) > maxColumns {
		return bad("the list has more than %d columns", maxColumns)
	}
	if !slices.Contains(l.Columns, l.SearchKey) {
		return bad("the search key %q is no column of the list; there are %s", l.SearchKey, strings.Join(l.Columns, ", "))
	}
	if l.Name == "" {
		l.Name = l.Alias
	}
	l.Items, l.Created, l.Updated = nil, now, now
	times := map[string]int{}
	for {
		rec, err := r.Read()
		if err == io.EOF {
			return l, nil
		}
		line, _ := r.FieldPos(0)
		if err != nil {
			return bad("the list cannot be read: %v", err)
		}
		if len(rec) > len(l.Columns) {
			return bad("line %d has %d values for %d columns", line, len(rec), len(l.Columns))
		}
		size := 0
		for _, v := range rec {
			size += len(v)
		}
		if size > maxRow {
			return bad("line %d is longer than %d KB", line, maxRow>>10)
		}
		for len(rec) < len(l.Columns) {
			rec = append(rec, "")
		}
		// The same row of the same list keeps its id, however often it is imported.
		key := strings.Join(rec, "\x00")
		times[key]++
		l.Items = append(l.Items, Item{ID: itemID(l.Alias, key, times[key]), Values: rec, Updated: now})
	}
}

// itemID is a GUID made of what it names.
func itemID(alias, row string, nth int) string {
	h := sha256.New()
	_, _ = h.Write([]byte(alias + "\x00" + row + "\x00" + strings.Repeat("+", nth))) // a hash takes everything
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// Lists of a workspace: a tenant of the node. They are bind.Watchlists.
type Lists struct {
	DB     *state.DB
	Tenant string
}

func (s Lists) id(alias string) string { return s.Tenant + "/" + strings.ToLower(alias) }

// Put a list in place of the one of its alias. Items that were there keep their time.
func (s Lists) Put(l List) error {
	old, ok, err := s.Get(l.Alias)
	if err != nil {
		return err
	}
	if ok {
		l.Created = old.Created
		was := map[string]time.Time{}
		for _, it := range old.Items {
			was[it.ID] = it.Updated
		}
		for i := range l.Items {
			if t, ok := was[l.Items[i].ID]; ok {
				l.Items[i].Updated = t
			}
		}
	}
	_, err = s.DB.Put(Kind, s.id(l.Alias), l, "")
	return err
}

// Get a list, whatever the case of its alias.
func (s Lists) Get(alias string) (l List, ok bool, err error) {
	doc, err := s.DB.Get(Kind, s.id(alias))
	if fault.KindOf(err) == fault.NotFound {
		return l, false, nil
	}
	if err == nil {
		err = doc.Decode(&l)
	}
	return l, err == nil, err
}

// Delete a list; false where there was none.
func (s Lists) Delete(alias string) (bool, error) { return s.DB.Delete(Kind, s.id(alias), "") }

// All lists, in the order of their aliases.
func (s Lists) All() ([]List, error) {
	docs, err := s.DB.List(Kind, s.Tenant+"/")
	if err != nil {
		return nil, err
	}
	out := make([]List, len(docs))
	for i, d := range docs {
		if err := d.Decode(&out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Aliases implements bind.Watchlists.
func (s Lists) Aliases() ([]string, error) {
	all, err := s.All()
	var out []string
	for _, l := range all {
		out = append(out, l.Alias)
	}
	return out, err
}

// Watchlist implements bind.Watchlists. The alias is that of the list, to the letter: a
// query that works here works in Sentinel.
func (s Lists) Watchlist(alias string) (table.Schema, [][]table.Value, bool, error) {
	l, ok, err := s.Get(alias)
	if err != nil || !ok || l.Alias != alias {
		return nil, nil, false, err
	}
	cols := table.Schema{{Name: "_DTItemId", Type: table.String}, {Name: "LastUpdatedTimeUTC", Type: table.DateTime}, {Name: "SearchKey", Type: table.String}}
	for _, c := range l.Columns {
		cols = append(cols, table.Column{Name: c, Type: table.String})
	}
	key := slices.Index(l.Columns, l.SearchKey)
	rows := make([][]table.Value, len(l.Items))
	for i, it := range l.Items {
		row := []table.Value{table.StringValue(it.ID), timeValue(it.Updated), table.StringValue(it.value(key))}
		for k := range l.Columns {
			row = append(row, table.StringValue(it.value(k)))
		}
		rows[i] = row
	}
	return cols, rows, true, nil
}

// value of a column; what is missing is empty.
func (it *Item) value(i int) string {
	if i < 0 || i >= len(it.Values) {
		return ""
	}
	return it.Values[i]
}

func timeValue(t time.Time) table.Value {
	n, ok := table.TicksOf(t)
	if !ok {
		return table.Null(table.DateTime)
	}
	return table.DateTimeValue(n)
}

// Rows implements bind.Watchlists: a row for each list, and one for each item.
func (s Lists) Rows(columns table.Schema) ([][]table.Value, error) {
	all, err := s.All()
	if err != nil {
		return nil, err
	}
	var out [][]table.Value
	for _, l := range all {
		id := itemID(l.Alias, "", 0)
		row := func(cells map[string]table.Value) {
			r := make([]table.Value, len(columns))
			for i, c := range columns {
				v, ok := cells[c.Name]
				if !ok || v.Type() != c.Type {
					v = table.Null(c.Type)
				}
				r[i] = v
			}
			out = append(out, r)
		}
		cells := func(updated time.Time) map[string]table.Value {
			return map[string]table.Value{
				"TimeGenerated": timeValue(updated), "_DTTimestamp": timeValue(updated), "LastUpdatedTimeUTC": timeValue(updated), "CreatedTimeUTC": timeValue(l.Created),
				"AzureTenantId": table.StringValue(s.Tenant), "WatchlistId": table.StringValue(id), "WatchlistName": table.StringValue(l.Name), "WatchlistAlias": table.StringValue(l.Alias),
				"Source": table.StringValue(l.Source), "Provider": table.StringValue("Custom"), "_DTItemStatus": table.StringValue("Create"), "Type": table.StringValue("Watchlist"),
			}
		}
		c := cells(l.Updated)
		c["_DTItemId"], c["_DTItemType"] = table.StringValue(id), table.StringValue("watchlist")
		row(c)
		key := slices.Index(l.Columns, l.SearchKey)
		for _, it := range l.Items {
			c := cells(it.Updated)
			bag := &table.Object{}
			for i, name := range l.Columns {
				bag.Set(name, it.value(i))
			}
			c["_DTItemId"], c["_DTItemType"], c["WatchlistItemId"] = table.StringValue(it.ID), table.StringValue("watchlist-item"), table.StringValue(it.ID)
			c["SearchKey"], c["WatchlistItem"] = table.StringValue(it.value(key)), table.DynamicValue(bag)
			row(c)
		}
	}
	return out, nil
}
