package kqltest

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"sextant/kql/fn"
	"sextant/table"
)

// Recorded and documented answers are text. These functions tell whether a typed
// cell is what such a text says: numbers to six digits, datetimes and timespans in
// any of their printed forms, dynamics as JSON, null as nothing, "..." as anything.

// verdict on one answer. loose names what was let pass: digits that the text does
// not show, the order of rows or of a set's elements.
type verdict struct {
	ok      bool
	loose   map[string]bool
	message string
}

func (v *verdict) allow(why string) {
	if v.loose == nil {
		v.loose = map[string]bool{}
	}
	v.loose[why] = true
}

var (
	gap     = regexp.MustCompile(`\.\.\.|…`)
	space   = regexp.MustCompile(`\s+`)
	grouped = regexp.MustCompile(`^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$`)
	decimal = regexp.MustCompile(`^[+-]?\d+\.(\d+)$`)
	// bareWord is a text in an array that the documentation shows without quotes.
	bareWord = regexp.MustCompile(`([\[,]\s*)([A-Za-z_][\w -]*\b)`)
	escaped  = regexp.MustCompile("\\\\([\\\\`*_{}\\[\\]()#+\\-.!|<>\"'])")
)

func isNullText(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "null", "(null)", "<null>", "none":
		return true
	}
	return false
}

// sameCell compares a text with a cell; sets allows the elements of arrays in any
// order.
func sameCell(want string, got table.Value, sets bool, v *verdict) bool {
	w := strings.TrimSpace(want)
	if gap.MatchString(w) {
		return sameGaps(w, got)
	}
	if got.IsNull() || got.Type() == table.Dynamic && got.Dyn() == nil {
		return isNullText(w) || strings.EqualFold(w, "nan")
	}
	switch got.Type() {
	case table.Bool:
		return strings.EqualFold(w, got.Text()) || w == "1" && got.Bool() || w == "0" && !got.Bool()
	case table.Int, table.Long, table.Real, table.Decimal:
		if strings.EqualFold(w, "true") || strings.EqualFold(w, "false") {
			return got.Number() == 1 == strings.EqualFold(w, "true")
		}
		return sameNumber(w, got.Number(), got.Type() == table.Int || got.Type() == table.Long, v)
	case table.DateTime, table.TimeSpan:
		return sameTime(w, got)
	case table.Dynamic:
		return sameDynamic(want, got, sets, v)
	}
	return sameText(want, got.Text(), sets, v)
}

func toNumber(s string) (float64, bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\u2212", "-")
	if grouped.MatchString(s) {
		s = strings.ReplaceAll(s, ",", "")
	}
	switch strings.ToLower(s) {
	case "nan":
		return math.NaN(), true
	case "inf", "+inf", "infinity", "∞", "+∞":
		return math.Inf(1), true
	case "-inf", "-infinity", "-∞":
		return math.Inf(-1), true
	}
	if strings.ContainsAny(s, "xXpP_iI") {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func sameNumber(w string, got float64, whole bool, v *verdict) bool {
	want, ok := toNumber(w)
	if !ok {
		return false
	}
	if near(want, got, whole && !strings.ContainsAny(w, ".eE")) {
		return true
	}
	// Fewer digits shown than there are.
	if m := decimal.FindStringSubmatch(strings.ReplaceAll(w, ",", "")); m != nil && !math.IsNaN(got) && !math.IsInf(got, 0) {
		if math.Abs(want-got) < 1.0001*math.Pow10(-len(m[1])) {
			v.allow("rounding")
			return true
		}
	}
	return false
}

func near(a, b float64, exact bool) bool {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	if a == b {
		return true
	}
	if exact || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return false
	}
	return math.Abs(a-b) <= max(1e-9, 1e-6*max(math.Abs(a), math.Abs(b)))
}

// sameTime compares ticks; a text with fewer digits of a second means any that it
// begins.
func sameTime(w string, got table.Value) bool {
	want := fn.Convert(table.StringValue(w), got.Type())
	if want.IsNull() {
		return false
	}
	d := want.Int64() - got.Int64()
	if d == 0 {
		return true
	}
	digits := 0
	if i := strings.LastIndexByte(w, '.'); i > strings.LastIndexByte(w, ':') {
		for _, c := range w[i+1:] {
			if c < '0' || c > '9' {
				break
			}
			digits++
		}
	}
	if digits == 0 || digits >= 7 {
		return false
	}
	return d < 0 && -d < int64(math.Pow10(7-digits)) || d > 0 && d < int64(math.Pow10(7-digits))
}

func squeeze(s string) string { return strings.TrimSpace(space.ReplaceAllString(s, " ")) }

func sameText(want, got string, sets bool, v *verdict) bool {
	if isNullText(want) && isNullText(got) {
		return true
	}
	w, g := squeeze(want), squeeze(got)
	for _, a := range []string{w, escaped.ReplaceAllString(w, "$1")} {
		for _, b := range []string{g, escaped.ReplaceAllString(g, "$1")} {
			if a == b || inQuotes(a, b) || inQuotes(b, a) {
				return true
			}
		}
	}
	if (strings.EqualFold(w, "true") || strings.EqualFold(w, "false")) && strings.EqualFold(w, g) {
		return true
	}
	for _, t := range []table.Type{table.DateTime, table.TimeSpan} {
		if b := fn.Convert(table.StringValue(g), t); !b.IsNull() && strings.ContainsRune(g, ':') && sameTime(w, b) {
			return true
		}
	}
	if b, ok := toNumber(g); ok {
		return sameNumber(w, b, !strings.ContainsAny(g, ".eE"), v)
	}
	if a, ok := parseLoose(want); ok {
		if b, ok := parseLoose(got); ok {
			return sameParsed(a, b, sets, v)
		}
	}
	return false
}

func inQuotes(a, b string) bool {
	return len(a) > 1 && strings.ContainsRune("\"'`", rune(a[0])) && a[0] == a[len(a)-1] && a[1:len(a)-1] == b
}

// parseLoose reads JSON as people write it: with single quotes or a last comma.
func parseLoose(s string) (any, bool) {
	t := strings.TrimSpace(s)
	if t == "" || strings.IndexByte(`[{"`, t[0]) < 0 {
		return nil, false
	}
	tries := []string{t, strings.ReplaceAll(t, "\n", " "), regexp.MustCompile(`,\s*([\]}])`).ReplaceAllString(t, "$1"), strings.ReplaceAll(t, `""`, `"`), strings.ReplaceAll(t, `\"`, `"`)}
	if !strings.Contains(t, `"`) {
		tries = append(tries, strings.ReplaceAll(t, "'", `"`), bareWord.ReplaceAllString(t, `$1"$2"`))
	}
	for _, x := range tries {
		if d, err := table.ParseJSON(x); err == nil {
			return d, true
		}
	}
	return nil, false
}

func sameDynamic(want string, got table.Value, sets bool, v *verdict) bool {
	switch d := got.Dyn().(type) {
	case string:
		if sameText(want, d, sets, v) {
			return true
		}
		if w, ok := parseLoose(want); ok {
			return sameParsed(w, d, sets, v)
		}
		return false
	case bool:
		return strings.EqualFold(strings.TrimSpace(want), strconv.FormatBool(d))
	case int64:
		return sameNumber(strings.TrimSpace(want), float64(d), true, v)
	case float64:
		return sameNumber(strings.TrimSpace(want), d, false, v)
	case table.Value:
		return sameCell(strings.Trim(strings.TrimSpace(want), `"`), d, sets, v)
	}
	w, ok := parseLoose(want)
	if s, text := w.(string); ok && text {
		w, ok = parseLoose(s)
	}
	return ok && sameParsed(w, got.Dyn(), sets, v)
}

func sameParsed(want, got any, sets bool, v *verdict) bool {
	if g, ok := got.(table.Value); ok {
		if g.Type() == table.Dynamic {
			return sameParsed(want, g.Dyn(), sets, v)
		}
		if s, ok := want.(string); ok {
			return sameCell(s, g, sets, v)
		}
		got = g.Text()
		if g.Type().Numeric() {
			got = g.Number()
		}
	}
	switch w := want.(type) {
	case nil:
		s, text := got.(string)
		return got == nil || text && isNullText(s)
	case bool:
		if s, ok := got.(string); ok {
			return strings.EqualFold(s, strconv.FormatBool(w))
		}
		return got == any(w)
	case int64, float64:
		wf, _ := number(w)
		if gf, ok := number(got); ok {
			_, wi := w.(int64)
			_, gi := got.(int64)
			if near(wf, gf, wi && gi) {
				return true
			}
			return !wi && sameNumber(strconv.FormatFloat(wf, 'f', -1, 64), gf, false, v)
		}
		s, ok := got.(string) // what JSON has no number for
		gf, isNumber := toNumber(s)
		return ok && isNumber && near(wf, gf, false)
	case string:
		switch g := got.(type) {
		case nil:
			return isNullText(w)
		case string:
			return sameText(w, g, sets, v)
		}
		if gf, ok := number(got); ok {
			wf, ok := toNumber(w)
			return ok && near(wf, gf, false)
		}
		if d, ok := parseLoose(w); ok {
			if _, still := d.(string); !still {
				return sameParsed(d, got, sets, v)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		same := true
		for i := range w {
			same = same && sameParsed(w[i], g[i], sets, v)
		}
		if same || !sets {
			return same
		}
		left := append([]any{}, g...)
	next:
		for _, x := range w {
			for k, y := range left {
				if sameParsed(x, y, sets, v) {
					left = append(left[:k], left[k+1:]...)
					continue next
				}
			}
			return false
		}
		v.allow("array-order")
		return true
	case *table.Object:
		g, ok := got.(*table.Object)
		if s, text := got.(string); text {
			d, parsed := parseLoose(s)
			g, ok = d.(*table.Object)
			ok = ok && parsed
		}
		if !ok || g.Len() != w.Len() {
			return false
		}
		for i := range w.Len() {
			x, has := g.Get(w.Key(i))
			if !has || !sameParsed(w.Val(i), x, sets, v) {
				return false
			}
		}
		return true
	}
	return false
}

// sameGaps compares what stands between the gaps, in order.
func sameGaps(want string, got table.Value) bool {
	text := got.Text()
	if got.IsNull() {
		text = ""
	}
	bare := strings.NewReplacer(" ", "", "\n", "", "\t", "", "\r", "", `"`, "", `\`, "")
	text = bare.Replace(text)
	parts := gap.Split(want, -1)
	at := 0
	for i, p := range parts {
		p = strings.Trim(bare.Replace(p), ",")
		if p == "" {
			continue
		}
		if i == len(parts)-1 && i > 0 {
			return strings.HasSuffix(text, strings.Trim(p, "."))
		}
		k := strings.Index(text[at:], p)
		if k < 0 || i == 0 && k != 0 {
			return false
		}
		at += k + len(p)
	}
	return true
}

// sameRows compares rows: in any order, which is loose where the query orders them.
// partial lets more rows be there than are wanted.
func sameRows(want [][]string, got [][]table.Value, ordered, partial, sets bool) verdict {
	if len(got) < len(want) || !partial && len(got) != len(want) {
		return verdict{message: strconv.Itoa(len(want)) + " rows wanted, " + strconv.Itoa(len(got)) + " there"}
	}
	row := func(w []string, g []table.Value, v *verdict) bool {
		if len(w) != len(g) {
			return false
		}
		for i := range w {
			if !sameCell(w[i], g[i], sets, v) {
				return false
			}
		}
		return true
	}
	v := verdict{ok: true}
	for i := range want {
		if !row(want[i], got[i], &v) {
			v.ok = false
			break
		}
	}
	if v.ok {
		return v
	}
	v = verdict{ok: true}
	left := append([][]table.Value{}, got...)
next:
	for i, w := range want {
		for k, g := range left {
			one := verdict{}
			if row(w, g, &one) {
				for why := range one.loose {
					v.allow(why)
				}
				left = append(left[:k], left[k+1:]...)
				continue next
			}
		}
		text, _ := json.Marshal(w)
		v = verdict{message: "row " + strconv.Itoa(i) + " " + string(text)}
		if i < len(got) {
			var cells []string
			for _, c := range got[i] {
				cells = append(cells, FormatCell(c))
			}
			v.message += " is " + strings.Join(cells, " | ")
		}
		return v
	}
	if ordered {
		v.allow("row-order")
	}
	return v
}
