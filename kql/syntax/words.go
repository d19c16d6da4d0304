package syntax

import "sextant/fault"

// TokenKind is what a Token is to an editor.
type TokenKind uint8

const (
	WordToken   TokenKind = iota // names and keywords
	NumberToken                  // and times, and other literals that are no text
	TextToken
	MarkToken // brackets, operators of signs, | ; , .
)

// Token of a text, for those who look at one that is half written.
type Token struct {
	Kind TokenKind
	Text string // as written; of a text what it means
	Span fault.Span
	Open bool // a text without its closing mark
}

// Tokens of a text in order; comments are none.
func Tokens(text string) []Token {
	l := lexer{src: text}
	l.run()
	open := map[int]bool{}
	for _, d := range l.diags {
		open[d.Span.Start] = true
	}
	var out []Token
	for i := range l.toks {
		t := &l.toks[i]
		n := Token{Text: t.text, Span: t.span()}
		switch t.kind {
		case tEOF:
			continue
		case tWord:
			n.Kind = WordToken
		case tString:
			n.Kind, n.Text, n.Open = TextToken, t.val, open[int(t.start)]
		case tPunct, tBad:
			n.Kind = MarkToken
		default:
			n.Kind = NumberToken
		}
		out = append(out, n)
	}
	return out
}

// QuoteName is a name as it must be written: ['a b'] where a b is no word.
func QuoteName(name string) string {
	var p printer
	p.name(name)
	return p.b.String()
}

// ChartWords are the kinds of chart that render knows.
func ChartWords() []string { return append([]string(nil), chartWords...) }

// operatorDocs say what each operator does.
var operatorDocs = map[string]string{
	"as":                    "Gives the rows a name that later parts of the query can use.",
	"assert-schema":         "Fails unless the rows have the columns that are listed.",
	"consume":               "Runs the query and gives no rows.",
	"count":                 "Counts the rows.",
	"distinct":              "Keeps one of equal rows.",
	"evaluate":              "Runs a plugin; see below.",
	"extend":                "Adds columns.",
	"facet":                 "Gives a table for each of some columns.",
	"filter":                "Another word for where.",
	"find":                  "Looks for rows in many tables; columns that differ are packed.",
	"fork":                  "Gives the results of several pipes over the same rows.",
	"getschema":             "Gives the columns and their types.",
	"graph-mark-components": "Marks the connected parts of a graph.",
	"graph-match":           "Finds patterns in a graph.",
	"graph-shortest-paths":  "Finds the shortest paths between nodes of a graph.",
	"graph-to-table":        "Gives the nodes or edges of a graph as rows.",
	"graph-where-edges":     "Keeps the edges of a graph for which a condition holds.",
	"graph-where-nodes":     "Keeps the nodes of a graph for which a condition holds.",
	"invoke":                "Calls a function with the rows as its first argument.",
	"join":                  "Joins rows of two tables by keys; every kind.",
	"limit":                 "Another word for take.",
	"lookup":                "Joins to the rows what another table knows of their keys.",
	"macro-expand":          "Runs a pipe for each member of a group of databases.",
	"make-graph":            "Makes a graph of edges and nodes.",
	"make-series":           "Makes arrays of values at even steps.",
	"mv-apply":              "Runs a pipe over the elements of each row's array.",
	"mv-expand":             "Makes a row of each element of an array or property of a bag.",
	"order":                 "Another word for sort.",
	"parse":                 "Takes columns from a text by a pattern.",
	"parse-kv":              "Takes columns from a text of keys and values.",
	"parse-where":           "parse, and drops what does not match.",
	"partition":             "Runs a pipe over the rows of each value of a column.",
	"print":                 "Gives a row of values.",
	"project":               "Gives exactly the columns that are listed.",
	"project-away":          "Drops columns.",
	"project-by-names":      "Gives the columns whose names a constant lists.",
	"project-keep":          "Keeps columns, in their order.",
	"project-rename":        "Renames columns.",
	"project-reorder":       "Puts columns in front.",
	"range":                 "Gives numbers or times at even steps.",
	"reduce":                "Groups texts that look alike; the groups need not be those of Kusto, whose way is not published.",
	"render":                "Says how to draw the result.",
	"sample":                "Gives some rows at random.",
	"sample-distinct":       "Gives some distinct values.",
	"scan":                  "Follows rows through the steps of a sequence.",
	"search":                "Looks for terms in all columns.",
	"serialize":             "Keeps the order of the rows, for functions that look around.",
	"sort":                  "Orders the rows.",
	"summarize":             "Groups rows and aggregates them.",
	"take":                  "Gives some of the rows.",
	"top":                   "Gives the first rows of an order.",
	"top-hitters":           "Gives the most frequent values, exactly.",
	"top-nested":            "Gives the top values of each top value.",
	"union":                 "Gives the rows of several tables.",
	"where":                 "Keeps the rows for which a condition holds.",
}

// OperatorDoc says in a line what an operator does; "" for what is none.
func OperatorDoc(word string) string { return operatorDocs[word] }
