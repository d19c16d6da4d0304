// Package table holds the words that every part agrees on: types, schemas,
// values and batches.
//
// The types are Kusto's. A [Value] is one cell, a [Vector] one column of a
// [Batch]. The representation of each type, in values, vectors and in every
// engine that stores them:
//
//	bool      N: 0 or 1
//	int       N: 32-bit range
//	long      N
//	datetime  N: ticks of 100 ns since 0001-01-01T00:00:00Z, up to year 9999
//	timespan  N: ticks of 100 ns, signed
//	real      F
//	decimal   D: *apd.Decimal (34 digits)
//	string    S; never null: a missing string is ""
//	guid      S: lower-case text with dashes
//	dynamic   S: exact JSON text, D: the parsed form, either may be absent
package table

import (
	"fmt"
	"strings"
)

// Type is a Kusto scalar type. The zero Type is Unknown: a placeholder in a
// query with errors, never in a schema that is stored or answered.
type Type uint8

const (
	Unknown Type = iota
	Bool
	Int
	Long
	Real
	Decimal
	String
	DateTime
	TimeSpan
	Guid
	Dynamic
)

var typeNames = [...]string{"unknown", "bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

var typeByName = map[string]Type{
	"bool": Bool, "boolean": Bool,
	"int": Int, "int32": Int, "uint": Int, "uint32": Int, "int8": Int, "uint8": Int, "int16": Int, "uint16": Int,
	"long": Long, "int64": Long, "ulong": Long, "uint64": Long,
	"real": Real, "double": Real, "float": Real,
	"decimal":  Decimal,
	"string":   String,
	"datetime": DateTime, "date": DateTime,
	"timespan": TimeSpan, "time": TimeSpan,
	"guid": Guid, "uuid": Guid, "uniqueid": Guid,
	"dynamic": Dynamic,
}

// ParseType is the type of a name as KQL spells it, aliases included.
func ParseType(name string) (Type, bool) {
	t, ok := typeByName[strings.ToLower(name)]
	return t, ok
}

// Numeric types take part in arithmetic with each other.
func (t Type) Numeric() bool { return t >= Int && t <= Decimal }

// Column of a schema.
type Column struct {
	Name string
	Type Type
}

// Schema is an ordered list of columns. Names are case-sensitive and unique.
type Schema []Column

// Index of the column with that exact name, or -1.
func (s Schema) Index(name string) int {
	for i := range s {
		if s[i].Name == name {
			return i
		}
	}
	return -1
}

// Names of the columns in order.
func (s Schema) Names() []string {
	out := make([]string, len(s))
	for i, c := range s {
		out[i] = c.Name
	}
	return out
}

// String prints a schema the way KQL declares one: (a:string, b:long).
func (s Schema) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, c := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.Name + ":" + c.Type.String())
	}
	b.WriteByte(')')
	return b.String()
}
