package fn

import (
	"cmp"
	"math"
	"strings"

	"sextant/table"
)

// Tri is a truth value of three: false, true or unknown (null).
type Tri int8

const (
	False   Tri = 0
	True    Tri = 1
	Unknown Tri = -1
)

// Value of a Tri as a bool cell.
func (t Tri) Value() table.Value {
	switch t {
	case True:
		return table.BoolValue(true)
	case False:
		return table.BoolValue(false)
	}
	return table.Null(table.Bool)
}

func triOf(b bool) Tri {
	if b {
		return True
	}
	return False
}

// Not of a Tri; unknown stays unknown.
func (t Tri) Not() Tri {
	if t == Unknown {
		return Unknown
	}
	return 1 - t
}

// Equal is ==: a null equals nothing (false), two nulls are unknown, NaN equals
// nothing. Numbers compare by value whatever their types; a dynamic compares as
// the type of the other side.
func Equal(a, b table.Value) Tri {
	if a.Type() == table.Dynamic && b.Type() != table.Dynamic {
		a = dynamicAs(a, b.Type())
	} else if b.Type() == table.Dynamic && a.Type() != table.Dynamic {
		b = dynamicAs(b, a.Type())
	}
	// Text equals the number or truth value that it says: ResultType == 0 holds for
	// "0", as published queries have it.
	if a.Type() == table.String && spoken(b.Type()) {
		a = Convert(a, spokenAs(b.Type()))
	} else if b.Type() == table.String && spoken(a.Type()) {
		b = Convert(b, spokenAs(a.Type()))
	}
	if a.IsNull() || b.IsNull() {
		if a.IsNull() && b.IsNull() {
			return Unknown
		}
		return False
	}
	if a.Type() == table.Dynamic && b.Type() == table.Dynamic {
		return triOf(DynEqual(a.Dyn(), b.Dyn()))
	}
	c, ok := compareScalars(a, b)
	return triOf(ok && c == 0)
}

// spoken types are those that a text is read as when it is compared with one.
func spoken(t table.Type) bool { return t.Numeric() || t == table.Bool }

func spokenAs(t table.Type) table.Type {
	if t == table.Int {
		return table.Long
	}
	return t
}

// dynamicAs reads a dynamic for a comparison with a value of type to. A number
// stays the number that it is, so that 1.9 does not equal 1.
func dynamicAs(v table.Value, to table.Type) table.Value {
	if v.IsNull() {
		return table.Null(to)
	}
	if to.Numeric() {
		if s, ok := scalarOf(v.Dyn()); ok && s.Type().Numeric() {
			return s
		}
	}
	return Convert(v, to)
}

// Order compares two values for <, <=, >, >=: -1, 0 or 1. ok is false where one
// is null, NaN, or of a type that has no order with the other.
func Order(a, b table.Value) (int, bool) {
	if a.Type() == table.Dynamic && b.Type() != table.Dynamic {
		a = dynamicAs(a, b.Type())
	} else if b.Type() == table.Dynamic && a.Type() != table.Dynamic {
		b = dynamicAs(b, a.Type())
	}
	if a.IsNull() || b.IsNull() {
		return 0, false
	}
	if a.Type() == table.Dynamic {
		x, ok1 := scalarOf(a.Dyn())
		y, ok2 := scalarOf(b.Dyn())
		if !ok1 || !ok2 {
			return 0, false
		}
		a, b = x, y
	}
	return compareScalars(a, b)
}

// compareScalars of two values that are not null and not dynamic.
func compareScalars(a, b table.Value) (int, bool) {
	ta, tb := a.Type(), b.Type()
	whole := func(t table.Type) bool { return t == table.Int || t == table.Long }
	switch {
	case ta == table.String && tb == table.String, ta == table.Guid && tb == table.Guid:
		return strings.Compare(a.Str(), b.Str()), true
	case ta.Numeric() && tb.Numeric():
		if whole(ta) && whole(tb) {
			return cmp.Compare(a.Int64(), b.Int64()), true
		}
		if ta == table.Decimal || tb == table.Decimal {
			x, y := toDecimal(a), toDecimal(b)
			if x.IsNull() || y.IsNull() {
				return 0, false
			}
			return x.Dec().Cmp(y.Dec()), true
		}
		x, y := a.Number(), b.Number()
		if math.IsNaN(x) || math.IsNaN(y) {
			return 0, false
		}
		return cmp.Compare(x, y), true
	case (ta == table.Bool) != (tb == table.Bool) && (ta.Numeric() || tb.Numeric()):
		return compareScalars(toReal(a), toReal(b))
	case ta == tb:
		return cmp.Compare(a.Int64(), b.Int64()), true
	}
	return 0, false
}

// SortCompare is a total order of two values of one type, for sort, min, max and
// the order of groups: NaN comes after null and before numbers. Nulls compare
// equal to each other and before all else; the caller places them.
func SortCompare(a, b table.Value) int {
	if a.IsNull() || b.IsNull() {
		return cmp.Compare(btoi(!a.IsNull()), btoi(!b.IsNull()))
	}
	switch a.Type() {
	case table.Real:
		if b.Type() == table.Real {
			return cmp.Compare(a.Float64(), b.Float64()) // NaN first
		}
	case table.Dynamic:
		return DynCompare(a.Dyn(), dynOf(b))
	}
	c, _ := compareScalars(a, b)
	return c
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// dynRank orders the kinds of values that a dynamic can hold.
func dynRank(d any) int {
	switch x := d.(type) {
	case nil:
		return 0
	case bool:
		return 1
	case int64, float64:
		return 2
	case table.Value:
		switch x.Type() {
		case table.Decimal:
			return 2
		case table.DateTime:
			return 3
		case table.TimeSpan:
			return 4
		}
		return 5
	case string:
		return 6
	case []any:
		return 7
	}
	return 8
}

// DynCompare is a total order of parsed dynamics: null, booleans, numbers, times,
// text, arrays, bags.
func DynCompare(a, b any) int {
	if c := cmp.Compare(dynRank(a), dynRank(b)); c != 0 {
		return c
	}
	switch x := a.(type) {
	case []any:
		y := b.([]any)
		for i := range min(len(x), len(y)) {
			if c := DynCompare(x[i], y[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(x), len(y))
	case *table.Object:
		return strings.Compare(string(table.AppendJSON(nil, x)), string(table.AppendJSON(nil, b)))
	}
	x, _ := scalarOf(a)
	y, _ := scalarOf(b)
	if x.IsNull() {
		return 0
	}
	if c, ok := compareScalars(x, y); ok {
		return c
	}
	if x.Type() == table.Real && y.Type() == table.Real {
		return cmp.Compare(x.Float64(), y.Float64())
	}
	return strings.Compare(ToText(x), ToText(y))
}

// DynEqual says whether two parsed dynamics are the same value: numbers by value,
// bags whatever the order of their keys.
func DynEqual(a, b any) bool {
	if x, ok := a.(*table.Object); ok {
		y, ok := b.(*table.Object)
		if !ok || x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			v, ok := y.Get(x.Key(i))
			if !ok || !DynEqual(x.Val(i), v) {
				return false
			}
		}
		return true
	}
	if x, ok := a.([]any); ok {
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !DynEqual(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	return dynRank(a) == dynRank(b) && DynCompare(a, b) == 0
}

// dynKey is a text that two parsed dynamics share exactly when they are the same
// value of a set.
func dynKey(d any) string {
	if f, ok := d.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		d = int64(f)
	}
	return string(table.AppendJSON(nil, d))
}
