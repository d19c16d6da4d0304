package record

import "sextant/fault"

// Builder turns records into rows. It belongs to one goroutine.
type Builder struct{ m *Model }

// NewBuilder makes an empty builder.
func (m *Model) NewBuilder() *Builder { return &Builder{m: m} }

// Add makes a row of a record. id may be nil: then the record is identified here.
// The builder keeps no reference to the bytes.
func (b *Builder) Add(json []byte, id *Identified, src Source) error {
	return fault.New(fault.Internal, "record: not built yet")
}

// Take hands over the rows so far, one batch a table, and starts anew.
func (b *Builder) Take() []Rows { return nil }

// TableColumn names a column of a table.
type TableColumn struct{ Table, Column string }

// Counts of values that did not have their column's type and are null in the
// row (the raw record keeps them), since the builder was made.
func (b *Builder) Counts() map[TableColumn]int64 { return nil }
