package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
	"golang.org/x/term"

	"sextant/fault"
	"sextant/kql/complete"
	"sextant/kql/syntax"
	"sextant/query"
)

// promptHelp is what .help prints.
const promptHelp = `A query ends with ; or an empty line. Tab proposes what can stand at the cursor, Ctrl-R searches the history,
Ctrl-C clears the query or cancels the one that runs, Ctrl-D ends. What ends in render is drawn.
  .output table|list|json|csv|ndjson   how rows are printed
  .explain QUERY                       what runs where
  .tables                              the tables
  .quit
`

// atTerminal says whether a person types what the program reads, and sees what it
// prints.
func (a *app) atTerminal() bool {
	in, ok := a.in.r.(*os.File)
	out, ok2 := a.out.(*os.File)
	return ok && ok2 && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// prompt asks for queries and answers them until the input ends.
func (c *QueryCmd) prompt(a *app, b backend) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	// Ctrl-C ends a query, not the program.
	signal.Reset(os.Interrupt)
	breaks := make(chan os.Signal, 1)
	signal.Notify(breaks, os.Interrupt)
	defer signal.Stop(breaks)

	p := &prompter{cmd: c, a: a, b: b, breaks: breaks, line: liner.NewLiner(), engine: engine}
	defer p.line.Close() // gives the terminal its mode back
	p.line.SetCtrlCAborts(true)
	p.line.SetTabCompletionStyle(liner.TabPrints)
	p.line.SetWordCompleter(p.complete)
	p.loadHistory()
	fmt.Fprintln(a.out, "KQL; .help tells how, Ctrl-D ends")
	for {
		ask := "kql> "
		if p.text.Len() > 0 {
			ask = "   > "
		}
		line, err := p.line.Prompt(ask)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			p.text.Reset()
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(a.out)
			return nil
		case err != nil:
			return fmt.Errorf("cannot read the query: %w", err)
		case a.ctx.Err() != nil:
			return a.ctx.Err()
		}
		if p.text.Len() == 0 && strings.HasPrefix(strings.TrimSpace(line), ".") {
			if p.command(strings.TrimSpace(line)) {
				return nil
			}
			continue
		}
		if p.text.Len() > 0 {
			p.text.WriteByte('\n')
		}
		p.text.WriteString(line)
		if text := p.text.String(); ends(text, line) {
			p.text.Reset()
			if strings.TrimSpace(text) != "" {
				p.remember(text)
				p.run(text, c.Explain)
			}
		}
	}
}

// ends says whether a text is whole: its last line is empty, or it ends in ; behind a query,
// as against a declaration.
func ends(text, line string) bool {
	if strings.TrimSpace(line) == "" {
		return true
	}
	toks := syntax.Tokens(text)
	if n := len(toks); n == 0 || toks[n-1].Kind != syntax.MarkToken || toks[n-1].Text != ";" {
		return false
	}
	f, _ := syntax.Parse(text)
	if len(f.Stmts) == 0 {
		return true
	}
	switch f.Stmts[len(f.Stmts)-1].(type) {
	case *syntax.QueryStmt, *syntax.BadStmt:
		return true
	}
	return false
}

// prompter is one such conversation.
type prompter struct {
	cmd     *QueryCmd
	a       *app
	b       backend
	engine  *query.Engine
	line    *liner.State
	breaks  chan os.Signal
	text    strings.Builder // lines of the query so far
	names   *query.Environment
	history string // file; "" where there is no place for one
}

// command that begins with a dot; true ends the conversation.
func (p *prompter) command(line string) bool {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case ".quit", ".exit":
		return true
	case ".help":
		io.WriteString(p.a.out, promptHelp)
	case ".output":
		switch rest {
		case "table", "list", "json", "csv", "ndjson":
			p.cmd.Output = rest
		default:
			fmt.Fprintln(p.a.err, "there are table, list, json, csv and ndjson")
		}
	case ".explain":
		p.run(rest, true)
	case ".tables":
		if env := p.environment(); env != nil {
			for _, name := range env.Tables() {
				fmt.Fprintln(p.a.out, name)
			}
		}
	default:
		fmt.Fprintf(p.a.err, "there is no %s; .help tells what there is\n", word)
	}
	return false
}

// run a query, until it is done or Ctrl-C.
func (p *prompter) run(text string, explain bool) {
	ctx, cancel := context.WithCancel(p.a.ctx)
	defer cancel()
	select {
	case <-p.breaks: // from before
	default:
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-p.breaks:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := p.answer(ctx, text, explain)
	cancelled := ctx.Err() != nil && p.a.ctx.Err() == nil
	cancel()
	<-done
	var ds fault.Diagnostics
	switch {
	case err == nil:
	case cancelled:
		fmt.Fprintln(p.a.err, "cancelled")
	case errors.As(err, &ds):
		fmt.Fprint(p.a.err, fault.Render(text, ds))
	default:
		fmt.Fprintf(p.a.err, "%v\n", err)
	}
}

func (p *prompter) answer(ctx context.Context, text string, explain bool) error {
	if explain {
		out, err := p.b.Explain(ctx, p.a.conf.Tenant, text)
		if err == nil {
			_, err = io.WriteString(p.a.out, out)
		}
		return err
	}
	r, err := p.b.Query(ctx, p.a.conf.Tenant, text, p.cmd.Timespan)
	if err != nil {
		return err
	}
	fmt.Fprint(p.a.err, fault.Render(text, r.notes))
	if p.cmd.Chart || r.chart.Chart != "" && p.cmd.Output == "table" {
		return p.a.printChart(r)
	}
	return printResult(p.a.out, r, p.cmd.Output)
}

// environment is what names mean, asked for once.
func (p *prompter) environment() *query.Environment {
	if p.names == nil {
		env, err := p.b.Names(p.a.ctx, p.a.conf.Tenant)
		if err != nil {
			return nil // a Tab that proposes nothing; the query itself will say why
		}
		p.names = env
	}
	return p.names
}

// complete is the line editor's question: pos is in characters.
func (p *prompter) complete(line string, pos int) (head string, words []string, tail string) {
	env := p.environment()
	runes := []rune(line)
	before := string(runes[:pos])
	if env == nil {
		return before, nil, string(runes[pos:])
	}
	earlier := p.text.String()
	if earlier != "" {
		earlier += "\n"
	}
	r := p.engine.Complete(env, earlier+line, len(earlier)+len(before))
	start, end := max(r.Start-len(earlier), 0), min(max(r.End-len(earlier), len(before)), len(line))
	return line[:start], proposals(r.Items, line[min(start, len(before)):len(before)]), line[end:]
}

// proposals are what the line editor may write in place of a word: it writes what they have
// in common, which must not be less than the word.
func proposals(items []complete.Candidate, word string) []string {
	var exact, other, within []string
	for _, x := range items {
		switch {
		case strings.HasPrefix(x.Insert, word):
			exact = append(exact, x.Insert)
		case len(x.Insert) >= len(word) && strings.EqualFold(x.Insert[:len(word)], word):
			other = append(other, x.Insert)
		default:
			within = append(within, x.Insert)
		}
	}
	switch {
	case len(exact) > 0:
		return exact
	case len(other) == 0 && len(within) == 1:
		return within
	}
	for _, x := range other {
		if x[:len(word)] != other[0][:len(word)] {
			for i := range other {
				other[i] = word + other[i][len(word):] // they differ in case where the word is
			}
			break
		}
	}
	return other
}

// ---- history

// maxHistory bounds the file, in bytes.
const maxHistory = 1 << 20

// historyFile is where queries are remembered: below XDG_STATE_HOME, as other programs
// do.
func (a *app) historyFile() string {
	dir := a.env["XDG_STATE_HOME"]
	if dir == "" {
		if a.env["HOME"] == "" {
			return ""
		}
		dir = filepath.Join(a.env["HOME"], ".local", "state")
	}
	return filepath.Join(dir, "sextant", "history")
}

func (p *prompter) loadHistory() {
	if p.history = p.a.historyFile(); p.history == "" {
		return
	}
	text, err := os.ReadFile(p.history)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(p.a.err, "the history cannot be read, and is not kept: %v\n", err)
			p.history = ""
		}
		return
	}
	if len(text) > maxHistory {
		text = text[len(text)-maxHistory/2:]
		text = text[bytes.IndexByte(text, '\n')+1:]
		if err := os.WriteFile(p.history, text, 0o600); err != nil {
			fmt.Fprintf(p.a.err, "the history cannot be cut: %v\n", err)
		}
	}
	_, _ = p.line.ReadHistory(bytes.NewReader(text)) // lines that are no text are left out
}

// remember a query, on one line. One with an obfuscated literal, h'…', is not kept.
func (p *prompter) remember(text string) {
	line := oneLineOf(text)
	if line == "" {
		return
	}
	p.line.AppendHistory(line)
	if p.history == "" {
		return
	}
	err := os.MkdirAll(filepath.Dir(p.history), 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(p.history, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			_, err = f.WriteString(line + "\n")
			err = errors.Join(err, f.Close())
		}
	}
	if err != nil {
		fmt.Fprintf(p.a.err, "the history is not kept: %v\n", err)
		p.history = ""
	}
}

// oneLineOf a query, without its comments; "" where it must not be kept, or cannot be.
func oneLineOf(text string) string {
	hidden := false
	f, _ := syntax.Parse(text)
	syntax.Walk(f, func(n syntax.Node) bool {
		if l, ok := n.(*syntax.Literal); ok && l.Hidden {
			hidden = true
		}
		return true
	})
	if hidden {
		return ""
	}
	var b strings.Builder
	at := 0
	for _, t := range syntax.Tokens(text) {
		if gap := text[at:t.Span.Start]; gap != "" && b.Len() > 0 {
			b.WriteByte(' ')
		}
		at = t.Span.Start + t.Span.Length
		b.WriteString(text[t.Span.Start:at])
	}
	line := strings.TrimSuffix(b.String(), ";")
	if strings.ContainsAny(line, "\r\n") {
		return "" // a text of several lines
	}
	return strings.TrimSpace(line)
}
