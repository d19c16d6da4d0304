package fn

import (
	"fmt"

	"sextant/table"
)

const huge = "CAST(%s AS HUGEINT)"

func wholeSum(op string) SQLForm {
	return func(args []string, info []Arg, result table.Type) (string, bool) {
		switch {
		case len(args) != 2:
			return "", false
		case result == table.Real && allOf(info, table.Real):
			return "(" + args[0] + " " + op + " " + args[1] + ")", true
		case !allOf(info, table.Int, table.Long, table.DateTime, table.TimeSpan):
			return "", false
		}
		expr := fmt.Sprintf(huge+" "+op+" "+huge, args[0], args[1])
		switch result {
		case table.DateTime:
			if info[0].Type == table.DateTime {
				return moved(args[0], op, args[1], info[1]), true
			}
			return inYears(expr), true
		case table.Long, table.TimeSpan:
			if small(info) {
				return "(CAST(" + args[0] + " AS BIGINT) " + op + " CAST(" + args[1] + " AS BIGINT))", true
			}
			return wrapped(expr), true
		}
		return "", false
	}
}

// moved is a datetime plus or minus a timespan, null outside the calendar. A span that
// is known needs no wider numbers: no datetime and it leave 64 bits.
func moved(at, op, by string, span Arg) string {
	const most = int64(table.MaxDateTime)
	if span.Const == nil || span.Const.IsNull() || span.Const.Int64() > most || span.Const.Int64() < -most {
		return inYears(fmt.Sprintf(huge+" "+op+" "+huge, at, by))
	}
	n := span.Const.Int64()
	if op == "-" {
		n = -n
	}
	if n < 0 {
		return fmt.Sprintf("CASE WHEN %[1]s >= %[2]d THEN %[1]s - %[2]d END", at, -n)
	}
	return fmt.Sprintf("CASE WHEN %[1]s <= %[2]d THEN %[1]s + %[3]d END", at, most-n, n)
}

// small says whether a sum or difference of the arguments always fits a long.
func small(info []Arg) bool {
	for _, a := range info {
		switch {
		case a.Type == table.Int, a.Type == table.DateTime:
		case a.Const != nil && a.Const.Int64() < 1<<52 && a.Const.Int64() > -1<<52 && a.Type == table.Int:
		default:
			return false
		}
	}
	return true
}

func addSQL(args []string, info []Arg, result table.Type) (string, bool) {
	return wholeSum("+")(args, info, result)
}

func subtractSQL(args []string, info []Arg, result table.Type) (string, bool) {
	return wholeSum("-")(args, info, result)
}

// multiplySQL has a form for reals, and for a whole number times a constant that
// keeps the product within 128 bits.
func multiplySQL(args []string, info []Arg, result table.Type) (string, bool) {
	switch {
	case result == table.Real && allOf(info, table.Real):
		return "(" + args[0] + " * " + args[1] + ")", true
	case (result == table.Long || result == table.TimeSpan) && allOf(info, table.Int, table.Long, table.TimeSpan):
		// |product| <= 2^126 < 2^127
		return wrapped(fmt.Sprintf(huge+" * "+huge, args[0], args[1])), true
	}
	return "", false
}

func divideSQL(args []string, info []Arg, result table.Type) (string, bool) {
	switch {
	case result == table.Real && allOf(info, table.Real):
		return "(" + args[0] + " / " + args[1] + ")", true // ieee_floating_point_ops is on by default
	case result == table.Real && allOf(info, table.TimeSpan, table.DateTime) && nonZero(info[1]):
		return fmt.Sprintf("(CAST(%s AS DOUBLE) / CAST(%s AS DOUBLE))", args[0], args[1]), true
	case (result == table.Long || result == table.TimeSpan) && allOf(info, table.Int, table.Long, table.TimeSpan) && nonZero(info[1]) && info[1].Const.Int64() != -1:
		return fmt.Sprintf("(CAST(%s AS BIGINT) // CAST(%s AS BIGINT))", args[0], args[1]), true
	}
	return "", false
}

func nonZero(a Arg) bool { return a.Const != nil && !a.Const.IsNull() && a.Const.Number() != 0 }

func moduloSQL(args []string, info []Arg, result table.Type) (string, bool) {
	if (result == table.Long || result == table.TimeSpan) && allOf(info, table.Int, table.Long, table.TimeSpan, table.DateTime) && nonZero(info[1]) && info[1].Const.Int64() > 0 && info[1].Const.Int64() < 1<<62 {
		return fmt.Sprintf("((CAST(%[1]s AS BIGINT) %% %[2]d + %[2]d) %% %[2]d)", args[0], info[1].Const.Int64()), true
	}
	return "", false
}

func negateSQL(args []string, info []Arg, result table.Type) (string, bool) {
	switch {
	case allOf(info, table.Real):
		return "(-" + args[0] + ")", true
	case allOf(info, table.Int, table.Long, table.TimeSpan):
		return wrapped("-" + fmt.Sprintf(huge, args[0])), true
	}
	return "", false
}
