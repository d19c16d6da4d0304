package table

import "strings"

// Def is what an engine needs to know of a stored table: what users see, and the
// physical columns that they do not.
//
// A batch that is appended to a store has the columns of Physical, in order.
type Def struct {
	Name    string
	Columns Schema // visible, in the published order
	Time    string // the visible datetime column that segments are cut by; "" has none

	// Promoted are typed columns beside a dynamic column, or a string column
	// that holds JSON, for the paths that people filter on.
	Promoted []Promoted

	// IDs names the columns, visible or promoted, whose values the id index
	// covers: many distinct values, looked up by equality.
	IDs []string

	// Text names the wide text columns, worth a stronger compression.
	Text []string
}

// Promoted is one path inside a JSON column, stored as a column of its own.
//
// For a scalar path the cell is the value at the path where it has the declared
// type, null where the path is missing or JSON null. A value of any other JSON
// type leaves null and sets the row's HiddenOdd, so that a reader falls back on
// the text. A path that starts with "[]." is taken from each element of an
// array: the cell (type Dynamic, parsed form) is then a []any of the strings at
// the path, nil for an element without it, and an engine may keep it as a list
// of text. An element with another type there sets HiddenOdd as above, and so
// does a value that is not an array at all.
//
// A string column has no null: a missing string is "". A real takes every number
// that a float64 holds exactly, a long only integers of 64 bits. Promoted.Of is
// the definition.
type Promoted struct {
	Column string // the visible column that holds the JSON
	Path   string // keys joined by "."; "[].displayName" for each element of an array
	Type   Type   // String, Long, Real or Bool; Dynamic for "[]." paths
}

// Name of the physical column: LocationDetails.city, TargetResources[].id.
func (p Promoted) Name() string {
	if p.InElements() {
		return p.Column + p.Path
	}
	return p.Column + "." + p.Path
}

// InElements is true where the path is taken from each element of an array.
func (p Promoted) InElements() bool { return strings.HasPrefix(p.Path, "[].") }

// Of is the cell for a column whose parsed JSON is root, and whether the value
// at the path has a type that sets HiddenOdd.
func (p Promoted) Of(root any) (cell Value, odd bool) {
	if !p.InElements() {
		return promote(walk(root, p.Path), p.Type)
	}
	list, ok := root.([]any)
	if !ok {
		return Null(Dynamic), root != nil
	}
	out := make([]any, len(list))
	for i, e := range list {
		switch x := walk(e, p.Path[len("[]."):]).(type) {
		case nil:
		case string:
			out[i] = x
		default:
			odd = true
		}
	}
	return DynamicValue(out), odd
}

// walk is the value at a path of keys; nil where there is none.
func walk(root any, path string) any {
	for path != "" {
		o, ok := root.(*Object)
		if !ok {
			return nil
		}
		key, rest, _ := strings.Cut(path, ".")
		root, _ = o.Get(key)
		path = rest
	}
	return root
}

func promote(x any, t Type) (cell Value, odd bool) {
	switch x := x.(type) {
	case nil:
		return Null(t), false
	case string:
		if t == String {
			return StringValue(x), false
		}
	case bool:
		if t == Bool {
			return BoolValue(x), false
		}
	case int64:
		if t == Long {
			return LongValue(x), false
		}
		if f := float64(x); t == Real && f < 1<<63 && int64(f) == x {
			return RealValue(f), false
		}
	case float64:
		if t == Real {
			return RealValue(x), false
		}
	}
	return Null(t), true
}

// Hidden columns come with every stored row. No KQL name can reach them.
const (
	HiddenID        = "$id"        // long: 64 bits of the record's identity
	HiddenTopic     = "$topic"     // string
	HiddenPartition = "$partition" // int
	HiddenOffset    = "$offset"    // long: offset of the event in the partition
	HiddenIndex     = "$index"     // int: place of the record in the event's records
	HiddenArrival   = "$arrival"   // datetime: when the log took it; ingestion_time()
	HiddenSchema    = "$schema"    // int: version of the mapping that made the row
	HiddenOdd       = "$odd"       // bool: a promoted path had an unexpected type
)

// HiddenWorkspace (string) is the id of the row's workspace. No engine stores it: what
// asks several workspaces as one adds it to their rows.
const HiddenWorkspace = "$workspace"

// Hidden columns in physical order.
var Hidden = Schema{
	{HiddenID, Long}, {HiddenTopic, String}, {HiddenPartition, Int}, {HiddenOffset, Long},
	{HiddenIndex, Int}, {HiddenArrival, DateTime}, {HiddenSchema, Int}, {HiddenOdd, Bool},
}

// Physical columns of the table: visible, promoted, hidden.
func (d *Def) Physical() Schema {
	out := make(Schema, 0, len(d.Columns)+len(d.Promoted)+len(Hidden))
	out = append(out, d.Columns...)
	for _, p := range d.Promoted {
		out = append(out, Column{p.Name(), p.Type})
	}
	return append(out, Hidden...)
}
