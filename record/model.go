package record

import (
	"strings"

	"sextant/fault"
	"sextant/table"
)

// Model is what is known of categories and tables, ready for use. It is
// immutable and may be shared between goroutines.
type Model struct{}

// New makes the model from the embedded data.
func New() (*Model, error) { return &Model{}, nil }

// Category of diagnostic records.
type Category struct {
	Name    string // canonical spelling
	Table   string // where its rows go
	Topic   string // also the container of the archive
	Licence string // needed to export it, as Microsoft's article says; "" for those that are no Entra category
	About   string
	Entra   bool // one of the categories of a tenant's diagnostic settings
}

// Identify says what a record is: one pass over its bytes. The error is
// fault.Invalid, with the byte offset, where there is no record at all.
func (m *Model) Identify(json []byte) (Identified, error) {
	return Identified{}, fault.New(fault.Internal, "record: not built yet")
}

// Topic of a category: insights-logs- and its name in lower case.
func (m *Model) Topic(category string) string { return "insights-logs-" + strings.ToLower(category) }

// Categories in the order of the article.
func (m *Model) Categories() []Category { return nil }

// Category of a name, in any case, misspellings that were published included.
func (m *Model) Category(name string) (Category, bool) { return Category{}, false }

// Defs of all tables, in name order.
func (m *Model) Defs() []table.Def { return nil }

// Def of the table with that exact name.
func (m *Model) Def(name string) (table.Def, bool) { return table.Def{}, false }

// DefFor is the table of a category. One that is not known gets a table of its
// own, <Category>_CL.
func (m *Model) DefFor(category string) table.Def { return table.Def{Name: category + "_CL"} }

// SplitEvent gives the exact bytes of each record of an event: {"records":[…]},
// an array, or a bare record.
func SplitEvent(value []byte, emit func(index int, record []byte) error) error {
	return fault.New(fault.Internal, "record: not built yet")
}

// BuildEvent appends {"records":[…]} to dst.
func BuildEvent(dst []byte, records [][]byte) []byte {
	dst = append(dst, `{"records":[`...)
	for i, r := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, r...)
	}
	return append(dst, `]}`...)
}
