package bind

import (
	"strconv"

	"sextant/kql/syntax"
)

// How a function names a column that nobody named.
type nameRule uint8

const (
	noName    nameRule = iota
	firstName          // after its first argument
	onlyName           // after its only argument
	fnFirst            // its own name, _, the first argument's
)

// nameRules of scalar functions; those that are not here give no name.
// Source: the ResultNameKind of each in Microsoft's language service 12.4.
var nameRules = map[string]nameRule{
	"abs": firstName, "acos": firstName, "asin": firstName, "atan": firstName, "atan2": firstName, "bin": firstName, "bin_at": firstName, "bin_auto": firstName,
	"binary_and": firstName, "binary_not": firstName, "binary_or": firstName, "binary_shift_left": firstName, "binary_shift_right": firstName,
	"binary_xor": firstName, "bitset_count_ones": firstName, "ceiling": firstName, "cos": firstName, "erf": firstName, "erfc": firstName,
	"exp": firstName, "exp10": firstName, "exp2": firstName, "floor": firstName, "format_bytes": firstName, "format_datetime": firstName,
	"format_timespan": firstName, "gamma": firstName, "log": firstName, "log10": firstName, "log2": firstName, "loggamma": firstName,
	"parse_csv": firstName, "parse_json": firstName, "parse_xml": firstName, "parsejson": firstName, "pow": firstName, "rand": firstName,
	"round": firstName, "series_fill_backward": firstName, "series_fill_const": firstName, "series_fill_forward": firstName,
	"series_fill_linear": firstName, "series_fir": firstName, "series_iir": firstName, "series_outliers": firstName, "sin": firstName,
	"split": firstName, "sqrt": firstName, "startofday": firstName, "tan": firstName, "tobool": firstName, "toboolean": firstName,
	"todatetime": firstName, "todecimal": firstName, "todouble": firstName, "todynamic": firstName, "toguid": firstName, "tohex": firstName,
	"toint": firstName, "tolong": firstName, "toobject": firstName, "toreal": firstName, "tostring": firstName, "totime": firstName,
	"totimespan": firstName, "make_datetime": onlyName, "make_timespan": onlyName,
	"dcount_hll": fnFirst, "percentile_tdigest": fnFirst, "string_size": fnFirst, "strlen": fnFirst,
}

// namePrefixes of the functions whose name for a column begins with another word.
var namePrefixes = map[string]string{"gettype": "type", "repeat": "repeat", "treepath": "tree", "percentiles_array_tdigest": "percentile_tdigest"}

// fixedNames of functions that always give the same name.
var fixedNames = map[string]string{"ingestion_time": "$IngestionTime", "hll_merge": "hll_merged_result", "merge_tdigest": "tdigests_merge_result", "tdigest_merge": "tdigests_merge_result"}

// resultName is the column name that an expression gives itself; false where it
// gives none and the operator numbers it.
func (b *binder) resultName(x syntax.Expr, e env) (string, bool) {
	switch x := x.(type) {
	case *syntax.Paren:
		return b.resultName(x.X, e)
	case *syntax.Name:
		return x.Name, true
	case *syntax.Ordered:
		return b.resultName(x.X, e)
	case *syntax.Named:
		if len(x.Names) > 0 {
			return x.Names[0].Name, true
		}
	case *syntax.Path:
		if n, ok := x.X.(*syntax.Name); ok && (n.Name == "$left" || n.Name == "$right") {
			return b.resultName(x.Sel, e)
		}
		return b.joinNames(x.X, x.Sel, e)
	case *syntax.Index:
		sel := x.I
		if l, ok := sel.(*syntax.Literal); ok {
			switch l.Kind {
			case syntax.StringLit:
				sel = &syntax.Name{Name: l.Text}
			case syntax.LongLit, syntax.IntLit:
				if n, err := strconv.ParseInt(l.Text, 0, 64); err == nil {
					sel = &syntax.Name{Name: strconv.FormatInt(n, 10)}
				}
			}
		} else {
			sel = nil
		}
		return b.joinNames(x.X, sel, e)
	case *syntax.Call:
		return b.callName(x, e)
	}
	return "", false
}

// joinNames is left_right; right alone where the left has none.
func (b *binder) joinNames(x, sel syntax.Expr, e env) (string, bool) {
	left, ok := b.resultName(x, e)
	right, ok2 := "", false
	if sel != nil {
		right, ok2 = b.resultName(sel, e)
	}
	if ok && left != "" {
		return left + "_" + right, true
	}
	return right, ok2
}

func (b *binder) callName(x *syntax.Call, e env) (string, bool) {
	name := x.Func.Name
	if ent := e.sc.find(name); ent != nil {
		return "", false
	}
	if e.row != nil && e.row.aggs != nil {
		if a := b.cat.Aggregate(name); a != nil && a.Several == nil {
			return b.aggregateName(x, a, e), true
		}
	}
	if n, ok := fixedNames[name]; ok {
		return n, true
	}
	if name == "column_ifexists" || name == "columnifexists" {
		if len(x.Args) > 0 {
			if l, ok := x.Args[0].(*syntax.Literal); ok && l.Kind == syntax.StringLit {
				if _, exists := e.row.column(l.Text); exists {
					return l.Text, true
				}
			}
		}
		return "", false
	}
	if p, ok := namePrefixes[name]; ok {
		if len(x.Args) == 0 {
			return p + "_", true
		}
		n, _ := b.resultName(x.Args[0], e)
		if p == "" {
			return n, n != ""
		}
		return p + "_" + n, true
	}
	switch nameRules[name] {
	case firstName:
		if len(x.Args) > 0 {
			return b.resultName(x.Args[0], e)
		}
	case onlyName:
		if len(x.Args) == 1 {
			return b.resultName(x.Args[0], e)
		}
	case fnFirst:
		if len(x.Args) == 0 {
			return name + "_", true
		}
		n, _ := b.resultName(x.Args[0], e)
		return name + "_" + n, true
	}
	return "", false
}

// conversions are the functions that give back a column that already has the
// type: project tostring(a) of a text column is the column a.
var conversions = map[string]bool{"tobool": true, "todatetime": true, "todecimal": true, "todouble": true, "todynamic": true, "toguid": true,
	"toint": true, "tolong": true, "toreal": true, "tostring": true, "totime": true, "totimespan": true}
