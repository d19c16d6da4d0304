package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sextant/fault"
	"sextant/query"
	"sextant/record"
	"sextant/store/memory"
	"sextant/table"
)

// KQLCmd groups the tools.
type KQLCmd struct {
	Batch BatchCmd `cmd:"" help:"Run many queries: JSON lines {\"id\",\"query\"} in, {\"id\",\"columns\",\"types\",\"rows\",\"error\"} out."`
	Check CheckCmd `cmd:"" help:"Bind many queries without running them: the same in, {\"id\",\"errors\",\"columns\"} out."`
	Fmt   FmtCmd   `cmd:"" help:"Lay queries out: an operator a line, comments kept."`
	Lint  LintCmd  `cmd:"" help:"Find what is slow or other than meant in queries."`

	Complete CompleteCmd `cmd:"" help:"Propose what can be written at a place of a query: {\"id\",\"query\",\"offset\"} in, {\"id\",\"start\",\"end\",\"items\"} out."`
}

// question is one line of input; other members are ignored.
type question struct {
	ID    json.RawMessage `json:"id"`
	Query string          `json:"query"`

	Offset *int `json:"offset"` // of a cursor
}

// questions calls f for each line of standard input. The output is flushed before
// the input is waited for, so that another program may ask and read by turns.
func (a *app) questions(out *bufio.Writer, f func(q question) error) error {
	in := bufio.NewReaderSize(a.in, 1<<20)
	for n := 1; ; n++ {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		line, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			var q question
			if e := json.Unmarshal(line, &q); e != nil {
				return fault.New(fault.Invalid, "line %d of the input is no JSON object with id and query%s", n, jsonTrouble(e))
			}
			if q.ID == nil {
				q.ID = json.RawMessage("null")
			}
			if e := f(q); e != nil {
				return e
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read the queries: %w", err)
		}
	}
}

// jsonTrouble is what a reader of JSON says, without this program's types.
func jsonTrouble(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf(": %v, at byte %d", syntax, syntax.Offset)
	}
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) && kind.Field != "" {
		return fmt.Sprintf(": %s is a %s", kind.Field, kind.Value)
	}
	return ""
}

// BatchCmd runs many queries.
type BatchCmd struct{}

// Help is shown behind the flags.
func (BatchCmd) Help() string {
	return `Runs over the folder or the server given, else over ./sextant-data when there is one, else over the built-in
tables, empty. A query that is wrong has its line with an error, and the others go on. Cells are JSON: null, true,
numbers, text; datetime and timespan as text; dynamic as JSON.

  echo '{"id":1,"query":"print x = 1 + 1"}' | sextant kql batch`
}

// Run it over the folder or the server that was given, else over the empty
// built-in tables.
func (c *BatchCmd) Run(a *app) error {
	ask, done, err := a.asker()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(a.out, 256<<10)
	err = a.questions(out, func(q question) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		buf := append([]byte(`{"id":`), q.ID...)
		var r *result
		err := fault.New(fault.Invalid, "there is no query")
		if strings.TrimSpace(q.Query) != "" {
			r, err = ask(q.Query)
		}
		if err == nil {
			mark := len(buf)
			if buf, err = appendAnswer(buf, r); err != nil {
				buf = buf[:mark]
			}
		}
		if err != nil {
			if a.ctx.Err() != nil {
				return a.ctx.Err()
			}
			buf = append(buf, `,"columns":[],"types":[],"rows":[],"error":`...)
			buf = table.AppendQuoted(buf, plainError(q.Query, err))
		}
		buf = append(buf, "}\n"...)
		_, err = out.Write(buf)
		return err
	})
	return errors.Join(err, out.Flush(), done())
}

// given says whether the flags choose a folder or a server, or the default folder is
// there.
func (a *app) given() bool {
	if a.cli.Data != "" || a.cli.Server != "" || a.conf.Data != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(defaultData, "sextant.json"))
	return !errors.Is(err, fs.ErrNotExist)
}

// asker answers queries over what the flags choose.
func (a *app) asker() (ask func(string) (*result, error), done func() error, err error) {
	if a.given() {
		b, err := a.open(false)
		if err != nil {
			return nil, nil, err
		}
		return func(text string) (*result, error) { return b.Query(a.ctx, a.conf.Tenant, text, "") }, b.Close, nil
	}
	model, err := record.New()
	if err != nil {
		return nil, nil, err
	}
	st := memory.New()
	for _, d := range model.Defs() {
		if err := st.Define(a.ctx, d); err != nil {
			return nil, nil, err
		}
	}
	engine, err := a.engine()
	if err != nil {
		return nil, nil, err
	}
	return func(text string) (*result, error) {
		answer, err := engine.Run(a.ctx, st, query.Request{Text: text})
		if err != nil {
			return nil, err
		}
		return localResult(a.ctx, answer), nil
	}, st.Close, nil
}

func appendAnswer(buf []byte, r *result) ([]byte, error) {
	buf = append(buf, `,"columns":[`...)
	for i, c := range r.schema {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = table.AppendQuoted(buf, c.Name)
	}
	buf = append(buf, `],"types":[`...)
	for i, c := range r.schema {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = table.AppendQuoted(buf, c.Type.String())
	}
	buf = append(buf, `],"rows":[`...)
	n := 0
	err := r.rows(func(row []table.Value) error {
		if n > 0 {
			buf = append(buf, ',')
		}
		n++
		buf = append(buf, '[')
		for i, v := range row {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = appendCell(buf, v)
		}
		buf = append(buf, ']')
		return nil
	})
	return append(buf, `],"error":null`...), err
}

// plainError is an error on one line, positions first.
func plainError(text string, err error) string {
	var ds fault.Diagnostics
	if !errors.As(err, &ds) {
		return err.Error()
	}
	s := ""
	for _, d := range ds {
		if d.Severity != fault.Bad {
			continue
		}
		if s != "" {
			s += "\n"
		}
		line, column := fault.Position(text, d.Span.Start)
		s += fmt.Sprintf("%d:%d: %s", line, column, d.Text)
		for _, n := range d.Notes {
			s += "; " + n
		}
	}
	return s
}

// CheckCmd binds many queries.
type CheckCmd struct{}

// Help is shown behind the flags.
func (CheckCmd) Help() string {
	return `Checks against the built-in tables. An error has its message, the bytes that it is about (start, length), and its line
and column, counted from 1 in characters. What a run may fail with and a check cannot tell, such as a custom table (…_CL)
that does not exist here, is among the warnings, in the same form.

  echo '{"id":1,"query":"SigninLogs | where Cod == 0"}' | sextant kql check`
}

type checkError struct {
	Message string `json:"message"`
	Code    string `json:"code,omitempty"`
	Start   int    `json:"start"`
	Length  int    `json:"length"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
}

type checkColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Run it over the built-in tables.
func (c *CheckCmd) Run(a *app) error {
	model, err := record.New()
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	env := query.NewEnvironment(model.Defs())
	out := bufio.NewWriterSize(a.out, 256<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = a.questions(out, func(q question) error {
		if err := a.ctx.Err(); err != nil {
			return err
		}
		schema, ds := engine.Check(env, q.Query)
		line := struct {
			ID       json.RawMessage `json:"id"`
			Errors   []checkError    `json:"errors"`
			Warnings []checkError    `json:"warnings,omitempty"`
			Columns  []checkColumn   `json:"columns"`
		}{ID: q.ID, Errors: []checkError{}, Columns: []checkColumn{}}
		for _, d := range ds {
			text := d.Text
			for _, n := range d.Notes {
				text += "; " + n
			}
			l, col := fault.Position(q.Query, d.Span.Start)
			found := checkError{text, d.Code, d.Span.Start, d.Span.Length, l, col}
			if d.Severity == fault.Bad {
				line.Errors = append(line.Errors, found)
			} else {
				line.Warnings = append(line.Warnings, found)
			}
		}
		for _, c := range schema {
			line.Columns = append(line.Columns, checkColumn{c.Name, c.Type.String()})
		}
		return enc.Encode(line)
	})
	return errors.Join(err, out.Flush())
}
