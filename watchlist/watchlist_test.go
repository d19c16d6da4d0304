package watchlist

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sextant/fault"
	"sextant/state"
	"sextant/table"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func db(t testing.TB) *state.DB {
	t.Helper()
	d, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// What a list is made of, and what is none.
func TestParse(t *testing.T) {
	f := func(text, alias, key, want string) {
		t.Helper()
		l, err := Parse([]byte(text), List{Alias: alias, SearchKey: key}, now)
		got := fmt.Sprintf("%q", l.Columns)
		for _, it := range l.Items {
			got += fmt.Sprintf(" %q", it.Values)
		}
		if err != nil {
			got = err.Error()
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v", err)
			}
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: %s", text, got)
		}
	}
	f("User,Tags\nann,vip\n", "VIPs", "User", `["User" "Tags"] ["ann" "vip"]`)
	f("\ufeffUser Name,Tags\r\n\"ann \"\"a\"\"\nsecond\",\nbob\n", "VIPs", "User Name", `["User Name" "Tags"] ["ann \"a\"\nsecond" ""] ["bob" ""]`)
	f("User\tTags\nann\tvip\n", "VIPs", "Tags", `["User" "Tags"] ["ann" "vip"]`)
	f("User\n", "VIPs", "User", `["User"]`)
	f("", "VIPs", "User", "no header")
	f("User,User\n", "VIPs", "User", "two columns named User")
	f("User,\n", "VIPs", "User", "column 2 of the list has no name")
	f("SearchKey\n", "VIPs", "SearchKey", "cannot be named SearchKey")
	f("User\n", "VIPs", "user", `"user" is no column of the list; there are User`)
	f("User\nann,bob\n", "VIPs", "User", "line 2 has 2 values for 1 columns")
	f("User\n"+strings.Repeat("x", 11<<10), "VIPs", "User", "longer than 10 KB")
	f("User\n\xff\n", "VIPs", "User", "not UTF-8")
	f("User\n", "../x", "User", "cannot be an alias")
	f("User\n", "ab", "User", "cannot be an alias")
}

// An import in place of another keeps the rows that are the same, with their times.
func TestReplace(t *testing.T) {
	s := Lists{db(t), "tenant"}
	put := func(text string, at time.Time) {
		t.Helper()
		l, err := Parse([]byte(text), List{Alias: "VIPs", SearchKey: "User"}, at)
		if err == nil {
			err = s.Put(l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("User\nann\nann\nbob\n", now)
	put("User\nann\ncarl\n", now.Add(time.Hour))
	_, rows, ok, err := s.Watchlist("VIPs")
	if err != nil || !ok || len(rows) != 2 {
		t.Fatal(rows, ok, err)
	}
	if rows[0][1].Text() != "2026-01-02T03:04:05.0000000Z" || rows[1][1].Text() != "2026-01-02T04:04:05.0000000Z" || rows[0][0].Str() == rows[1][0].Str() {
		t.Errorf("%v", rows)
	}
	if _, _, ok, _ := s.Watchlist("vips"); ok {
		t.Error("an alias has a case")
	}
	if _, _, ok, _ := (Lists{s.DB, "other"}).Watchlist("VIPs"); ok {
		t.Error("a list of another tenant")
	}
	if gone, err := s.Delete("vipS"); !gone || err != nil {
		t.Error(gone, err)
	}
	if list, err := s.Aliases(); len(list) != 0 || err != nil {
		t.Error(list, err)
	}
}

// The table has a row for the list and one for each item.
func TestRows(t *testing.T) {
	s := Lists{db(t), "tenant"}
	l, err := Parse([]byte("User,Note\nann,x\n"), List{Alias: "VIPs", SearchKey: "User"}, now)
	if err == nil {
		err = s.Put(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows(table.Schema{{Name: "_DTItemType", Type: table.String}, {Name: "SearchKey", Type: table.String}, {Name: "WatchlistItem", Type: table.Dynamic},
		{Name: "TimeGenerated", Type: table.DateTime}, {Name: "Unknown", Type: table.Long}})
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	if got := fmt.Sprint(rows[1][0].Text(), " ", rows[1][1].Text(), " ", rows[1][2].JSON(), " ", rows[1][4].IsNull()); got != `watchlist-item ann {"User":"ann","Note":"x"} true` {
		t.Error(got)
	}
}
