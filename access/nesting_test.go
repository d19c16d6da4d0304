package access

import (
	"context"
	"os"
	"slices"
	"testing"
)

// Groups in groups: testdata/nesting.txt.
func TestNestedGroups(t *testing.T) {
	h := newHouse(t)
	ctx, by := context.Background(), Operator()
	text, err := os.ReadFile("testdata/nesting.txt")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	person := func(name string) string {
		if ids[name] == "" {
			p, err := h.AddPerson(ctx, by, home, Person{UserPrincipalName: name + "@" + "example.com", AccountEnabled: true})
			if err != nil {
				t.Fatal(err)
			}
			ids[name] = p.ID
		}
		return ids[name]
	}
	n := 0
	for f := range fields(string(text), 3) {
		switch f[0] {
		case "group": // name | members
			g, err := h.AddGroup(ctx, by, home, Group{DisplayName: f[1]})
			if err != nil {
				t.Fatal(err)
			}
			ids[f[1]] = g.ID
		case "member":
			member := ids[f[2]]
			if member == "" {
				member = person(f[2])
			}
			if _, err := h.UpdateGroup(ctx, by, home, ids[f[1]], func(g *Group) error { g.Members = append(g.Members, member); return nil }); err != nil {
				t.Fatal(err)
			}
		case "role":
			if _, err := h.Assign(ctx, by, home, f[1], ids[f[2]]); err != nil {
				t.Fatal(err)
			}
		case "has":
			n++
			if got, want := h.RolesOf(home, person(f[1])), list(f[2]); !slices.Equal(got, want) {
				t.Errorf("%s has %q, want %q", f[1], got, want)
			}
		default:
			t.Fatal(f)
		}
	}
	if n < 4 {
		t.Error("the file was not read")
	}
	if _, err := h.UpdateGroup(ctx, by, home, ids["outer"], func(g *Group) error { g.Members = append(g.Members, g.ID); return nil }); err == nil {
		t.Error("a group is a member of itself")
	}
}
