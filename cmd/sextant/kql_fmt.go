package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"sextant/fault"
	"sextant/kql/syntax"
)

// FmtCmd lays out queries.
type FmtCmd struct {
	Check bool     `help:"Change nothing; name the files that are not laid out, and exit with 1 when there are some."`
	Write bool     `short:"w" help:"Write the files in place of printing them."`
	Files []string `arg:"" optional:"" type:"path" placeholder:"FILE" help:"Files, one query text each; none is standard input."`
}

// Help is shown behind the flags.
func (FmtCmd) Help() string {
	return `Each operator gets a line of its own, what is nested is indented, comments stay. A query with errors is left alone.

  echo 'SigninLogs|where ResultType=="0"|count' | sextant kql fmt`
}

// Run it over the files, or standard input.
func (c *FmtCmd) Run(a *app) error {
	if len(c.Files) == 0 {
		text, err := io.ReadAll(a.in)
		if err != nil {
			return fmt.Errorf("cannot read the query: %w", err)
		}
		out, ds := syntax.FormatText(string(text))
		if ds.Err() != nil {
			return fault.New(fault.Invalid, "%s", plainError(string(text), ds))
		}
		if c.Check {
			if out != string(text) {
				return errors.New("the query is not laid out")
			}
			return nil
		}
		_, err = io.WriteString(a.out, out)
		return err
	}
	wrong, loose := 0, 0
	for _, name := range c.Files {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("cannot read the query: %w", err)
		}
		out, ds := syntax.FormatText(string(text))
		switch {
		case ds.Err() != nil:
			wrong++
			fmt.Fprintf(a.err, "%s: %s\n", name, plainError(string(text), ds))
		case c.Check:
			if out != string(text) {
				loose++
				fmt.Fprintln(a.out, name)
			}
		case c.Write:
			if bytes.Equal(text, []byte(out)) {
				continue
			}
			mode := os.FileMode(0o644)
			if st, err := os.Stat(name); err == nil {
				mode = st.Mode().Perm()
			}
			if err := os.WriteFile(name, []byte(out), mode); err != nil {
				return fmt.Errorf("cannot write the query: %w", err)
			}
		default:
			if _, err := io.WriteString(a.out, out); err != nil {
				return err
			}
		}
	}
	switch {
	case wrong > 0:
		return fault.New(fault.Invalid, "%d of %d files have errors and were left alone", wrong, len(c.Files))
	case loose > 0:
		return fmt.Errorf("%d of %d files are not laid out", loose, len(c.Files))
	}
	return nil
}
