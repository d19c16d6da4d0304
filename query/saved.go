package query

import (
	"context"
	"regexp"
	"strings"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/kql/eval"
	"sextant/kql/fn"
	"sextant/kql/syntax"
	"sextant/store"
	"sextant/table"
)

var functionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// parse the function as the value of a let statement.
func (f Function) parse() (*syntax.Let, error) {
	const head = "let f = ("
	text := head + f.Params + ") {\n" + f.Body + "\n}"
	file, ds := syntax.Parse(text)
	if err := ds.Err(); err != nil {
		return nil, fault.New(fault.Invalid, "the function %s does not parse: %w", f.Name, err)
	}
	// A body that closes its own brace would be statements beside the function.
	if len(file.Stmts) == 1 {
		if let, ok := file.Stmts[0].(*syntax.Let); ok {
			if _, ok := let.Value.(*syntax.Lambda); ok {
				let.Name.Name = f.Name
				return let, nil
			}
		}
	}
	return nil, fault.New(fault.Invalid, "the function %s is not one list of parameters and one body", f.Name)
}

// savedEnvironment has saved functions besides.
type savedEnvironment struct {
	snapshotEnvironment
	saved Functions
}

func environmentOf(snap store.Snapshot, req Request) bind.Environment {
	env := snapshotEnvironment{snap}
	if req.Functions == nil {
		return env
	}
	return savedEnvironment{env, req.Functions}
}

func (s savedEnvironment) Function(name string) (*syntax.Let, bool) {
	f, ok := s.saved.Function(name)
	if !ok {
		return nil, false
	}
	let, err := f.parse()
	return let, err == nil // what does not parse was refused when it was saved
}

// Check what is to be saved: fault.Invalid says what is wrong with it.
func (f Function) Check() error {
	if !functionName.MatchString(f.Name) {
		return fault.New(fault.Invalid, "%q cannot name a function: letters, digits and underscores can, a letter first", f.Name)
	}
	_, err := f.parse()
	return err
}

// params gives the values that a client sends the types that the query declares.
func (e *Engine) params(file *syntax.File, given map[string]string, now int64) (map[string]table.Value, error) {
	if len(given) == 0 {
		return nil, nil
	}
	out := map[string]table.Value{}
	for _, s := range file.Stmts {
		d, ok := s.(*syntax.DeclareParams)
		if !ok {
			continue
		}
		for _, p := range d.Params {
			text, ok := given[p.Name.Name]
			if !ok || p.Type == nil {
				continue
			}
			v, err := e.constant(text, now)
			t, _ := table.ParseType(p.Type.Name)
			switch {
			case t == table.String && (err != nil || v.Type() != table.String):
				v = table.StringValue(text) // clients send texts bare as well as quoted
			case err != nil:
				// Values of other types too: 2026-01-01 for datetime(2026-01-01).
				v = table.StringValue(strings.TrimSpace(text))
			}
			out[p.Name.Name] = v
		}
	}
	return out, nil
}

// constant is the value of an expression that reads nothing.
func (e *Engine) constant(text string, now int64) (table.Value, error) {
	none := table.Value{}
	file, ds := syntax.Parse("print v = " + text)
	if err := ds.Err(); err != nil || len(file.Stmts) != 1 {
		return none, fault.New(fault.Invalid, "%q is not a literal", text)
	}
	q, ds := bind.Bind(file, NewEnvironment(nil), e.o.Catalogue, bind.Options{Now: now})
	if q == nil || len(q.Pipelines) != 1 || len(q.Pipelines[0].Schema()) != 1 {
		return none, fault.New(fault.Invalid, "%q is not a literal: %v", text, ds)
	}
	c := fn.NewContext(context.Background(), now, 0, &fn.Budget{MaxBytes: 1 << 20, MaxRows: 1})
	r, err := eval.Options{TempDir: e.o.TempDir}.Run(c, q.Pipelines[0], nothing{})
	if err != nil {
		return none, err
	}
	b, err := r.Next(c.Ctx)
	if err != nil || b == nil || b.Rows != 1 {
		_ = r.Close() // memory alone
		return none, fault.New(fault.Invalid, "%q is not one value", text)
	}
	return b.Cols[0].At(0), r.Close()
}

// nothing is there to scan.
type nothing struct{ eval.Scanner }
