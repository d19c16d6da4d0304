package plan

import (
	"fmt"
	"strings"

	"sextant/table"
)

// MakeSeries makes of each group of rows one row of arrays with an element for each
// step of the axis. Out is By, then the series, then the axis: arrays are dynamic.
// Aggregates and default see the input's columns and no column, respectively.
type MakeSeries struct {
	By   []Named
	Aggs []SeriesAgg
	Axis Named // of a number, a datetime or a timespan
	// From and To bound the axis, To excluded; nil takes the first and last step
	// that the group has data for. They and Step read no column.
	From, To, Step Expr
	// InRange is the older form "in range(from, to, step)": To is included, and
	// steps start at multiples of Step.
	InRange bool
	// NonEmpty gives one row of defaults for an input without rows (no By).
	NonEmpty bool
}

// SeriesAgg is an aggregate of one column and what stands where there are no rows;
// a nil Default is zero.
type SeriesAgg struct {
	Agg
	Default Expr
}

// Partition runs Sub over each group of rows with one value of By, one after the
// other, and gives all their rows. Sub's source is Outer with the input's columns.
type Partition struct {
	By  Expr
	Sub *Pipeline
}

// ScanSteps is KQL's scan operator: rows in order are matched against steps that
// keep state. Out is the input's columns, the declared ones, and MatchID.
//
// Expressions of steps see the input's columns, the declared columns (their
// defaults), and what each step last held of both, under the name StateColumn.
type ScanSteps struct {
	In      table.Schema
	Declare []Declared
	MatchID string // column for the number of the match; "" for none
	// OrderBy and PartitionBy may be empty: the rows as they come, one partition.
	OrderBy     []SortKey
	PartitionBy []Expr
	Steps       []ScanStep
}

// Declared is a column that steps assign to. Default reads no column; nil is null.
type Declared struct {
	table.Column
	Default Expr
}

// ScanOutput says which of a step's rows are given.
type ScanOutput uint8

const (
	OutputAll  ScanOutput = iota
	OutputLast            // the last of a run
	OutputNone
)

// ScanStep is one step. Assign sets columns, declared ones or the input's, where Cond is
// true.
type ScanStep struct {
	Name     string
	Optional bool
	Output   ScanOutput
	Cond     Expr
	Assign   []Named
}

// StateColumn is the name by which expressions of ScanSteps read the column of a
// step's state (step.column in KQL).
func StateColumn(step, column string) string { return "$" + step + "." + column }

// ExprSchema is what the expressions of the steps see.
func (o *ScanSteps) ExprSchema() table.Schema {
	out := append(table.Schema{}, o.In...)
	for _, d := range o.Declare {
		out = append(out, d.Column)
	}
	row := out
	for _, s := range o.Steps {
		for _, c := range row {
			out = append(out, table.Column{Name: StateColumn(s.Name, c.Name), Type: c.Type})
		}
	}
	return out
}

// TopNested keeps at each level the N values of an expression whose aggregate is
// highest, within each value of the level before. Out has for each level the value
// and the aggregate.
type TopNested struct {
	Levels []NestedLevel
}

// NestedLevel of top-nested. N is -1 for all values. Others, when set, names (in a
// constant of Of's type) a row for all other values together.
type NestedLevel struct {
	N      int64
	Of     Named
	Agg    Agg // of one column
	Asc    bool
	Others Expr
}

// Sample keeps N rows picked at random, in their order.
type Sample struct {
	In table.Schema
	N  int64
}

// SampleDistinct keeps up to N different values of Of.
type SampleDistinct struct {
	Of Named
	N  int64
}

// ParseKV takes the values of keys from a text of pairs. Out is the input's columns
// with those of Keys added or replaced.
type ParseKV struct {
	Out  table.Schema
	Of   Expr
	Keys table.Schema
	// Pair stands between pairs and KV between a key and its value. With Greedy, a
	// value runs on to the next key whose name is known. Quotes are characters that
	// enclose a value, Escape takes the meaning from the character behind it (0: none).
	Pair, KV string
	Quotes   string
	Escape   rune
	Greedy   bool
	// Regex, when set, takes pairs as the pattern's first two groups instead.
	Regex string
}

// Reduce groups texts that look alike: Pattern, Count, Representative.
type Reduce struct {
	By         Expr
	Threshold  float64 // 0 to 1: below this share of the rows a word is replaced by *
	Characters string  // that separate words, beside what is no letter or digit
}

// ReduceSource is reduce kind=source as a plugin, with the threshold and the characters of
// Reduce as its parameters: rows pass on, each with the columns of its group.
const ReduceSource = "reduce_source"

func (o *MakeSeries) Schema() table.Schema {
	out := namedSchema(o.By)
	for _, a := range o.Aggs {
		out = append(out, table.Column{Name: a.Out[0].Name, Type: table.Dynamic})
	}
	return append(out, table.Column{Name: o.Axis.Name, Type: table.Dynamic})
}
func (o *Partition) Schema() table.Schema { return o.Sub.Schema() }
func (o *ScanSteps) Schema() table.Schema {
	out := append(table.Schema{}, o.In...)
	for _, d := range o.Declare {
		out = append(out, d.Column)
	}
	if o.MatchID != "" {
		out = append(out, table.Column{Name: o.MatchID, Type: table.Long})
	}
	return out
}
func (o *TopNested) Schema() table.Schema {
	var out table.Schema
	for _, l := range o.Levels {
		out = append(out, table.Column{Name: l.Of.Name, Type: l.Of.Expr.Type()}, l.Agg.Out[0])
	}
	return out
}
func (o *Sample) Schema() table.Schema         { return o.In }
func (o *SampleDistinct) Schema() table.Schema { return namedSchema([]Named{o.Of}) }
func (o *ParseKV) Schema() table.Schema        { return o.Out }
func (o *Reduce) Schema() table.Schema {
	return table.Schema{{Name: "Pattern", Type: table.String}, {Name: "Count", Type: table.Long}, {Name: "Representative", Type: table.String}}
}

func (*MakeSeries) op()     {}
func (*Partition) op()      {}
func (*ScanSteps) op()      {}
func (*TopNested) op()      {}
func (*Sample) op()         {}
func (*SampleDistinct) op() {}
func (*ParseKV) op()        {}
func (*Reduce) op()         {}

func (a Agg) text() string {
	args := make([]string, len(a.Args))
	for i, e := range a.Args {
		args[i] = e.String()
	}
	return a.Fn.Name + "(" + strings.Join(args, ", ") + ")"
}

func (o *MakeSeries) String() string {
	var b strings.Builder
	b.WriteString("make-series ")
	for i, a := range o.Aggs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(Ident(a.Out[0].Name) + " = " + a.text())
		if a.Default != nil {
			b.WriteString(" default=" + a.Default.String())
		}
	}
	b.WriteString(" on " + nameds([]Named{o.Axis}))
	if o.From != nil {
		b.WriteString(" from " + o.From.String())
	}
	if o.To != nil {
		b.WriteString(" to " + o.To.String())
	}
	b.WriteString(" step " + o.Step.String())
	if o.InRange {
		b.WriteString(" in range")
	}
	if len(o.By) > 0 {
		b.WriteString(" by " + nameds(o.By))
	}
	return b.String()
}

func (o *Partition) String() string {
	return "partition by " + o.By.String() + " (" + o.Sub.String() + ")"
}

func (o *ScanSteps) String() string {
	var b strings.Builder
	b.WriteString("scan")
	if o.MatchID != "" {
		b.WriteString(" with_match_id=" + Ident(o.MatchID))
	}
	if len(o.OrderBy) > 0 {
		b.WriteString(" order by " + keys(o.OrderBy))
	}
	if len(o.PartitionBy) > 0 {
		parts := make([]string, len(o.PartitionBy))
		for i, e := range o.PartitionBy {
			parts[i] = e.String()
		}
		b.WriteString(" partition by " + strings.Join(parts, ", "))
	}
	if len(o.Declare) > 0 {
		parts := make([]string, len(o.Declare))
		for i, d := range o.Declare {
			parts[i] = Ident(d.Name) + ":" + d.Type.String()
			if d.Default != nil {
				parts[i] += "=" + d.Default.String()
			}
		}
		b.WriteString(" declare (" + strings.Join(parts, ", ") + ")")
	}
	b.WriteString(" with (")
	for _, s := range o.Steps {
		b.WriteString("step " + Ident(s.Name))
		if s.Optional {
			b.WriteString(" optional")
		}
		b.WriteString([...]string{"", " output=last", " output=none"}[s.Output])
		b.WriteString(": " + s.Cond.String())
		if len(s.Assign) > 0 {
			b.WriteString(" => " + nameds(s.Assign))
		}
		b.WriteString(";")
	}
	return b.String() + ")"
}

func (o *TopNested) String() string {
	parts := make([]string, len(o.Levels))
	for i, l := range o.Levels {
		n := ""
		if l.N >= 0 {
			n = fmt.Sprintf("%d ", l.N)
		}
		parts[i] = n + "of " + nameds([]Named{l.Of})
		if l.Others != nil {
			parts[i] += " with others = " + l.Others.String()
		}
		parts[i] += " by " + Ident(l.Agg.Out[0].Name) + " = " + l.Agg.text()
		if l.Asc {
			parts[i] += " asc"
		}
	}
	return "top-nested " + strings.Join(parts, ", ")
}

func (o *Sample) String() string { return fmt.Sprintf("sample %d", o.N) }
func (o *SampleDistinct) String() string {
	return fmt.Sprintf("sample-distinct %d of %s", o.N, nameds([]Named{o.Of}))
}

func (o *ParseKV) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "parse-kv %s as %s with (pair_delimiter=%q, kv_delimiter=%q", o.Of, o.Keys, o.Pair, o.KV)
	if o.Quotes != "" {
		fmt.Fprintf(&b, ", quote=%q", o.Quotes)
	}
	if o.Escape != 0 {
		fmt.Fprintf(&b, ", escape=%q", o.Escape)
	}
	if o.Greedy {
		b.WriteString(", greedy=true")
	}
	if o.Regex != "" {
		fmt.Fprintf(&b, ", regex=%q", o.Regex)
	}
	return b.String() + ")"
}

func (o *Reduce) String() string {
	return fmt.Sprintf("reduce by %s with threshold=%g, characters=%q", o.By, o.Threshold, o.Characters)
}
