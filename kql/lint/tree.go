package lint

import (
	"fmt"
	"strings"

	"sextant/kql/syntax"
)

// tree looks at what can be seen of one node and its neighbours.
func (p *pass) tree(file *syntax.File) {
	seen := map[string]*syntax.Literal{} // column and text in lower case
	syntax.Walk(file, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Pipe:
			p.scope(x)
		case *syntax.Join:
			if x.Params.Get("kind") == nil {
				at := x.At()
				at.Length = len("join")
				p.find(ruleJoinKind, syntax.Place{Span: at}, "this join is innerunique: of several rows on the left with the same key only one is joined",
					"write kind=innerunique where that is meant, else kind=inner")
			}
		case *syntax.Binary:
			p.binary(x, seen)
		case *syntax.In:
			p.in(x)
		}
		return true
	})
}

// scope looks for queries over everything.
func (p *pass) scope(x *syntax.Pipe) {
	for i, op := range x.Ops {
		switch o := op.(type) {
		case *syntax.Search:
			if i == 0 && x.Source == nil && len(o.In) == 0 {
				p.find(ruleSearch, keyword(o, "search"), "this search looks through every table", "name the tables: search in (SigninLogs, AuditLogs) …")
			}
		case *syntax.Find:
			if i == 0 && x.Source == nil && len(o.In) == 0 {
				p.find(ruleSearch, keyword(o, "find"), "this find looks through every table", "name the tables: find in (SigninLogs, AuditLogs) where …")
			}
		case *syntax.Union:
			for _, m := range o.Items {
				switch m.(type) {
				case *syntax.Star, *syntax.Wildcard:
					p.find(ruleWildcard, m, "this union reads every table that matches", "name the tables")
				}
			}
		}
	}
}

// keyword is the place of an operator's first word.
func keyword(op syntax.Node, word string) syntax.Node {
	at := op.At()
	at.Length = len(word)
	return syntax.Place{Span: at}
}

// varying are columns whose texts come in both cases: names and addresses, as people
// and other services write them.
func varying(name string) bool {
	for _, suffix := range []string{"UserPrincipalName", "UPN", "Upn", "userPrincipalName", "MailAddress", "EmailAddress", "AccountName"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

func (p *pass) binary(x *syntax.Binary, seen map[string]*syntax.Literal) {
	l, ok := x.Y.(*syntax.Literal)
	if !ok || l.Kind != syntax.StringLit {
		return
	}
	switch x.Op {
	case "contains", "!contains", "contains_cs", "!contains_cs":
		if isTerm(l.Text) {
			has := strings.Replace(x.Op, "contains", "has", 1)
			p.find(ruleContains, x, fmt.Sprintf("%s %q looks at every character", x.Op, l.Text), fmt.Sprintf("write %s %q where the whole word is meant", has, l.Text))
		}
	case "==", "!=":
		if c, ok := x.X.(*syntax.Call); ok && len(c.Args) == 1 {
			p.made(x, c, l)
			return
		}
		n, ok := x.X.(*syntax.Name)
		if !ok {
			return
		}
		key := n.Name + " " + strings.ToLower(l.Text)
		if first := seen[key]; first != nil && first.Text != l.Text {
			p.find(ruleCase, x, fmt.Sprintf("%s is compared with %q here and with %q above", n.Name, l.Text, first.Text), "compare with "+careless(x.Op))
		} else if varying(n.Name) {
			p.find(ruleCase, x, fmt.Sprintf("%s is written in lower and upper case by turns, and %s minds that", n.Name, x.Op), "compare with "+careless(x.Op))
		}
		seen[key] = l
	}
}

func careless(op string) string {
	if op == "!=" {
		return "!~"
	}
	return "=~"
}

// made finds tolower(x) == "Text".
func (p *pass) made(at syntax.Node, c *syntax.Call, l *syntax.Literal) {
	switch {
	case c.Func.Name == "tolower" && strings.ToLower(l.Text) != l.Text:
		p.find(ruleNeverTrue, at, fmt.Sprintf("tolower() never gives %q", l.Text), fmt.Sprintf("write %q, or compare with =~ and without tolower()", strings.ToLower(l.Text)))
	case c.Func.Name == "toupper" && strings.ToUpper(l.Text) != l.Text:
		p.find(ruleNeverTrue, at, fmt.Sprintf("toupper() never gives %q", l.Text), fmt.Sprintf("write %q, or compare with =~ and without toupper()", strings.ToUpper(l.Text)))
	}
}

func (p *pass) in(x *syntax.In) {
	if x.Op != "in" && x.Op != "!in" {
		return
	}
	switch y := x.X.(type) {
	case *syntax.Call:
		for _, v := range x.List {
			if l, ok := v.(*syntax.Literal); ok && l.Kind == syntax.StringLit && len(y.Args) == 1 {
				p.made(l, y, l)
			}
		}
	case *syntax.Name:
		for _, v := range x.List {
			if l, ok := v.(*syntax.Literal); ok && l.Kind == syntax.StringLit && varying(y.Name) {
				p.find(ruleCase, x, fmt.Sprintf("%s is written in lower and upper case by turns, and %s minds that", y.Name, x.Op), "compare with "+x.Op+"~")
				return
			}
		}
	}
}

// isTerm tells whether has would look for the same text: letters and digits, three at
// least, so that the index knows it.
func isTerm(s string) bool {
	if len(s) < 3 {
		return false
	}
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return false
		}
	}
	return true
}
