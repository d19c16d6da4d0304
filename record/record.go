// Package record is the diagnostic record: its envelope, categories and
// identities, its way into table rows, and the translation of other forms
// (Graph objects, Log Analytics rows, portal downloads) into it.
//
// What is known of the published tables and categories is data, in record/data;
// a [Model] holds it ready for use. A Model is immutable and may be shared; a
// [Builder] belongs to one goroutine.
package record

import (
	"strconv"
	"strings"

	"sextant/fault"
	"sextant/table"
)

// Form says how full a record is: what it was before it was a diagnostic record.
// Where two records have one identity, the lower (fuller) form wins.
type Form uint8

const (
	Export    Form = iota // as Azure's diagnostic export writes it
	GraphBeta             // an object of Microsoft Graph beta
	GraphV1               // an object of Microsoft Graph v1.0
	Row                   // a row of a Log Analytics table
	CSV                   // a portal download
)

// firstAmendment is the form of a record that was amended once; what was amended
// again counts on from there.
const firstAmendment = 64

// MaxAmendments of one record.
const MaxAmendments = 255 - firstAmendment

// Amended is the form of a record that says anew what was said before under the
// same identity, for the n-th time, from 1 on: a sign-in whose risk somebody
// confirmed. It replaces every form and every amendment before it.
func Amended(n int) (Form, error) {
	if n < 1 || n > MaxAmendments {
		return Export, fault.New(fault.Limit, "a record can be amended %d times, not %d", MaxAmendments, n)
	}
	return Form(firstAmendment + n), nil
}

// Amendments says how often a record of the form was amended; 0 for one that came
// from outside.
func (f Form) Amendments() int { return max(int(f)-firstAmendment, 0) }

const amendedName = "amended-"

var formNames = [...]string{"export", "graph-beta", "graph-v1.0", "row", "csv"}

// FormHeader is the header of an event that carries the form of its records;
// without it they are exports.
const FormHeader = "sextant-form"

func (f Form) String() string {
	if n := f.Amendments(); n > 0 {
		return amendedName + strconv.Itoa(n)
	}
	if int(f) < len(formNames) {
		return formNames[f]
	}
	return "unknown"
}

// ParseForm reads what String writes. The empty text is Export.
func ParseForm(s string) (Form, error) {
	if s == "" {
		return Export, nil
	}
	for i, n := range formNames {
		if n == s {
			return Form(i), nil
		}
	}
	if text, ok := strings.CutPrefix(s, amendedName); ok {
		if n, err := strconv.Atoi(text); err == nil {
			return Amended(n)
		}
	}
	return Export, fault.New(fault.Invalid, "unknown form of record %q; known are export, graph-beta, graph-v1.0, row, csv and amended-N", s)
}

// Fuller says whether a record of form f replaces one of form g.
func (f Form) Fuller(g Form) bool {
	if f.Amendments() > 0 || g.Amendments() > 0 {
		return f.Amendments() > g.Amendments()
	}
	return f < g
}

// Key is the identity of a record within its tenant: a hash of its category and
// of what the category's records are known by. Time is never part of it.
type Key [16]byte

// Identified is what can be said of a record without making a row of it.
type Identified struct {
	Category string // canonical spelling where the category is known
	Known    bool   // the category is one of Categories
	Tenant   string // directory id in lower case; "" when the record names none
	Key      Key
	Time     int64 // ticks; 0 when the record has no possible time
}

// Source says where a record lies in the log, and what is known of it besides its bytes.
type Source struct {
	Topic       string
	Partition   int32
	Offset      int64
	Index       int32
	Arrival     int64 // ticks
	Form        Form
	TenantID    string // the directory
	WorkspaceID string // the workspace; the column TenantId
}

// Rows are rows for one table, in the physical schema of its definition.
type Rows struct {
	Table string
	Batch *table.Batch
}

// DeadLetterTopic keeps what is no record that we can use.
const DeadLetterTopic = "sextant-dead-letters"

// SchemaVersion of the mapping from record to row; it stands in table.HiddenSchema.
const SchemaVersion = 1
