package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sextant/fault"
	"sextant/kql/lint"
	"sextant/query"
	"sextant/record"
)

// LintCmd finds what is slow, or other than it was meant, in queries.
type LintCmd struct {
	Format string   `enum:"text,json,sarif" default:"text" help:"text, json (a line for each finding) or sarif (2.1.0)."`
	Fail   string   `enum:"error,warning,note,never" default:"warning" help:"The least level of a finding that makes the exit code 1: error, warning, note or never."`
	Rules  bool     `help:"List the rules."`
	Files  []string `arg:"" optional:"" type:"path" placeholder:"FILE" help:"Files, one query text each; none is standard input."`
}

// Help is shown behind the flags.
func (LintCmd) Help() string {
	return `Looks at queries against the built-in tables: no filter on time, contains where has would do, searches over everything,
joins without a kind or a time, texts compared in a case that they do not have. What does not run is an error.

  echo 'SigninLogs | where UserPrincipalName contains "admin" | count' | sextant kql lint`
}

// Run it over the files, or standard input.
func (c *LintCmd) Run(a *app) error {
	if c.Rules {
		for _, r := range lint.Rules() {
			fmt.Fprintf(a.out, "%-18s %-8s %s\n", r.ID, r.Level, r.Doc)
		}
		return nil
	}
	model, err := record.New()
	if err != nil {
		return err
	}
	l := lint.New(query.NewEnvironment(model.Defs()))
	var files []lint.File
	read := func(name string, text []byte) {
		files = append(files, lint.File{Name: filepath.ToSlash(name), Text: string(text), Findings: l.Lint(string(text))})
	}
	if len(c.Files) == 0 {
		text, err := io.ReadAll(a.in)
		if err != nil {
			return fmt.Errorf("cannot read the query: %w", err)
		}
		read("", text)
	}
	for _, name := range c.Files {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("cannot read the query: %w", err)
		}
		if cwd, err := os.Getwd(); err == nil {
			if rel, err := filepath.Rel(cwd, name); err == nil && filepath.IsLocal(rel) {
				name = rel // code hosts know files by their place in the repository
			}
		}
		read(name, text)
	}
	if err := c.write(a, files); err != nil {
		return err
	}
	if c.Fail == "never" {
		return nil
	}
	for _, f := range files {
		for _, x := range f.Findings {
			if x.Level.Rank() >= lint.Level(c.Fail).Rank() {
				return codeError(exitFailed)
			}
		}
	}
	return nil
}

func (c *LintCmd) write(a *app, files []lint.File) error {
	if c.Format == "sarif" {
		return lint.SARIF(a.out, version, files)
	}
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	for _, f := range files {
		for _, x := range f.Findings {
			line, column := fault.Position(f.Text, x.Span.Start)
			if c.Format == "json" {
				if err := enc.Encode(struct {
					File   string     `json:"file,omitempty"`
					Line   int        `json:"line"`
					Column int        `json:"column"`
					Start  int        `json:"start"`
					Length int        `json:"length"`
					Level  lint.Level `json:"level"`
					Rule   string     `json:"rule"`
					Text   string     `json:"message"`
				}{f.Name, line, column, x.Span.Start, x.Span.Length, x.Level, x.Rule, x.Message()}); err != nil {
					return err
				}
				continue
			}
			place := fmt.Sprintf("%d:%d", line, column)
			if f.Name != "" {
				place = f.Name + ":" + place
			}
			if _, err := fmt.Fprintf(a.out, "%s: %s: %s (%s)\n", place, x.Level, x.Message(), x.Rule); err != nil {
				return err
			}
		}
	}
	return nil
}
