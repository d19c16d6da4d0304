package bind

import (
	_ "embed"
	"slices"
	"strings"

	"sextant/kql/syntax"
)

// asimText are the functions of Sentinel's information model.
//
//go:embed asim.kql
var asimText string

// asim is a function that every workspace of Microsoft Sentinel has: those of its
// information model, and over its health and audit. Where a function of that name is
// saved, that one is meant.
//
// Source: "ASIM schemas", "Using the ASIM parsers" and "Auditing and health monitoring" in
// the documentation of Microsoft Sentinel.
func asim(name string) (*syntax.Let, bool) {
	schema := "" // which no name in the text is
	for _, head := range []string{"_Im_", "_ASim_", "im", "ASim"} {
		if rest, ok := strings.CutPrefix(name, head); ok && rest != "" {
			schema = rest
			break
		}
	}
	if schema == "" && !strings.HasPrefix(name, "_Sentinel") {
		return nil, false
	}
	for block := range strings.SplitSeq(asimText, "\n\n") {
		names, _, _ := strings.Cut(strings.TrimPrefix(block, "// "), "\n")
		if words := strings.Fields(names); !slices.Contains(words, schema) && !slices.Contains(words, name) {
			continue
		}
		if !strings.Contains(block, "\nlet ") {
			continue
		}
		file, ds := syntax.Parse(block)
		if ds.Err() != nil {
			panic("bind: asim.kql: " + ds.Error())
		}
		return file.Stmts[0].(*syntax.Let), true
	}
	return nil, false
}

// function is one that is saved, or that every workspace has.
func (b *binder) function(name string) (*syntax.Let, bool) {
	if let, ok := b.env.Function(name); ok {
		return let, true
	}
	if _, part := b.env.(*restricted); part || b.editor {
		return nil, false // its tables are not those that the query may see; an editor knows none
	}
	return asim(name)
}
