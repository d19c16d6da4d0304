package odata

import "strings"

// Print writes an expression so that reading it gives the same expression.
func Print(e Expr) string {
	var b strings.Builder
	printTo(&b, e, 0)
	return b.String()
}

func printTo(b *strings.Builder, e Expr, above int) {
	list := func(es []Expr) {
		for i, x := range es {
			if i > 0 {
				b.WriteString(",")
			}
			printTo(b, x, 0)
		}
	}
	switch e := e.(type) {
	case *Literal:
		quoted := "'" + strings.ReplaceAll(e.Text, "'", "''") + "'"
		switch e.Kind {
		case StringLit:
			b.WriteString(quoted)
		case EnumLit:
			b.WriteString(e.Type + quoted)
		case DurationLit:
			b.WriteString("duration" + quoted)
		case DateTimeLit:
			if e.Text == "" || dateTimeForm.FindString(e.Text) != e.Text {
				b.WriteString("datetime" + quoted)
				break
			}
			b.WriteString(e.Text)
		case GuidLit:
			if e.Text == "" || guidForm.FindString(e.Text) != e.Text {
				b.WriteString("guid" + quoted)
				break
			}
			b.WriteString(e.Text)
		default:
			b.WriteString(e.Text)
		}
	case *Path:
		b.WriteString(strings.Join(e.Names, "/"))
	case *Unary:
		b.WriteString(e.Op)
		if e.Op == "not" {
			b.WriteString(" ")
		}
		b.WriteString("(")
		printTo(b, e.X, 0)
		b.WriteString(")")
	case *Binary:
		level := precedence[e.Op]
		if level <= above {
			b.WriteString("(")
		}
		printTo(b, e.X, level-1)
		b.WriteString(" " + e.Op + " ")
		printTo(b, e.Y, level)
		if level <= above {
			b.WriteString(")")
		}
	case *In:
		if precedence["in"] <= above {
			b.WriteString("(")
		}
		printTo(b, e.X, precedence["in"]-1)
		b.WriteString(" in (")
		list(e.List)
		b.WriteString(")")
		if precedence["in"] <= above {
			b.WriteString(")")
		}
	case *Call:
		b.WriteString(e.Name + "(")
		list(e.Args)
		b.WriteString(")")
	case *Lambda:
		printTo(b, e.Of, 0)
		if e.All {
			b.WriteString("/all(")
		} else {
			b.WriteString("/any(")
		}
		if e.Body != nil {
			b.WriteString(e.Var + ":")
			printTo(b, e.Body, 0)
		}
		b.WriteString(")")
	case *Count:
		printTo(b, e.Of, 0)
		b.WriteString("/$count")
	}
}
