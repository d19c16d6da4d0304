package lint

import (
	"encoding/json"
	"io"

	"sextant/fault"
)

// File is what was found in one query text.
type File struct {
	Name     string // a path, with slashes; "" for standard input
	Text     string
	Findings []Finding
}

// SARIF writes findings as SARIF 2.1.0, the form in which code hosts take the results
// of such tools. Columns count UTF-16 units there. Source: OASIS, SARIF 2.1.0.
func SARIF(w io.Writer, version string, files []File) error {
	type text struct {
		Text string `json:"text"`
	}
	type rule struct {
		ID     string `json:"id"`
		Short  text   `json:"shortDescription"`
		Config struct {
			Level Level `json:"level"`
		} `json:"defaultConfiguration"`
	}
	type region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	type location struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region region `json:"region"`
		} `json:"physicalLocation"`
	}
	type result struct {
		RuleID    string     `json:"ruleId"`
		RuleIndex int        `json:"ruleIndex"`
		Level     Level      `json:"level"`
		Message   text       `json:"message"`
		Locations []location `json:"locations"`
	}
	type driver struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Rules   []rule `json:"rules"`
	}
	type run struct {
		Tool struct {
			Driver driver `json:"driver"`
		} `json:"tool"`
		ColumnKind string   `json:"columnKind"`
		Results    []result `json:"results"`
	}
	var r run
	r.ColumnKind = "utf16CodeUnits"
	r.Results = []result{}
	r.Tool.Driver = driver{Name: "sextant kql lint", Version: version}
	index := map[string]int{}
	for i, x := range Rules() {
		index[x.ID] = i
		y := rule{ID: x.ID, Short: text{x.Doc}}
		y.Config.Level = x.Level
		r.Tool.Driver.Rules = append(r.Tool.Driver.Rules, y)
	}
	for _, f := range files {
		for _, x := range f.Findings {
			var l location
			l.Physical.Artifact.URI = f.Name
			if f.Name == "" {
				l.Physical.Artifact.URI = "stdin"
			}
			g := &l.Physical.Region
			g.StartLine, g.StartColumn = units(f.Text, x.Span.Start)
			g.EndLine, g.EndColumn = units(f.Text, x.Span.Start+x.Span.Length)
			r.Results = append(r.Results, result{x.Rule, index[x.Rule], x.Level, text{x.Message()}, []location{l}})
		}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []run{r}})
}

// Message is the finding and what would work.
func (f Finding) Message() string {
	if f.Help == "" {
		return f.Text
	}
	return f.Text + "; " + f.Help
}

// units is a place as line and column in UTF-16 units, from 1.
func units(s string, offset int) (line, column int) {
	line, _ = fault.Position(s, offset)
	start := min(offset, len(s))
	for start > 0 && s[start-1] != '\n' {
		start--
	}
	column = 1
	for _, r := range s[start:min(offset, len(s))] {
		column++
		if r >= 0x10000 {
			column++
		}
	}
	return line, column
}
