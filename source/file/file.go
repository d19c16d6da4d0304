// Package file imports activity logs from files, folders, archives and standard
// input. What a file holds is told by its content, never by its name: exported
// diagnostic records, answers of Microsoft Graph, downloads of the admin center,
// exports of Log Analytics, as JSON or CSV, compressed or not.
//
// What cannot be used is set aside with its place and the reason; the rest goes
// in. An import can be broken off and run again at any time: the intake knows
// what it has.
package file

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// Importer brings files in. Model and To must be set; the rest has defaults.
type Importer struct {
	Model  *record.Model
	To     source.Appender
	Tenant string // directory of records that name none

	Batch     int              // records in one Append; 1,000
	Workers   int              // Appends at a time; 2
	MaxRecord int              // bytes of one record; 1 MiB, what an event hub takes
	Stdin     io.Reader        // what "-" reads; os.Stdin
	Progress  func(Progress)   // called after each batch, never twice at a time
	Clock     func() time.Time // for the rate; time.Now
}

// Progress of an import.
type Progress struct {
	File    string  // being read
	Bytes   int64   // read so far, as they lie on disk
	Total   int64   // of all files; with standard input among them, of the others
	Records int64   // judged so far
	Rate    float64 // records a second
}

// Summary of an import.
type Summary struct {
	Files []*FileSummary `json:"files"`
}

// FileSummary says what became of one file, or one member of an archive.
type FileSummary struct {
	Name     string            `json:"name"`
	Format   string            `json:"format"` // what was recognised; "" when nothing was
	Records  int64             `json:"records"`
	Tables   map[string]*Count `json:"tables,omitempty"`
	SetAside int64             `json:"setAside"`
	Reasons  []*Reason         `json:"reasons,omitempty"` // why records were set aside, most first
	Problem  string            `json:"problem,omitempty"` // why the file, or the rest of it, could not be read
	Note     string            `json:"note,omitempty"`

	mu     sync.Mutex
	packed string
	holder string
	whats  map[string]int64
}

// Count of records of one table.
type Count struct {
	Accepted int64 `json:"accepted"`
	Known    int64 `json:"known"` // already there
}

// Reason why records were set aside.
type Reason struct {
	Text  string `json:"text"`
	Count int64  `json:"count"`
	Where string `json:"where"` // the first: file:line:byte
}

// maxReasons that a file lists by their own text.
const maxReasons = 20

func (f *FileSummary) add(it *item, what string, v source.Verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Records++
	if what != "" {
		f.whats[what]++
	}
	if v.Outcome == source.DeadLettered {
		f.SetAside++
		f.reason(v.Reason, it.where())
		return
	}
	c := f.Tables[v.Table]
	if c == nil {
		c = &Count{}
		f.Tables[v.Table] = c
	}
	if v.Outcome == source.Known {
		c.Known++
	} else {
		c.Accepted++
	}
}

func (f *FileSummary) reason(text, where string) {
	// The same trouble at another byte is the same trouble.
	if rest, ok := strings.CutPrefix(text, "at byte "); ok {
		if _, after, ok := strings.Cut(rest, ": "); ok {
			text = after
		}
	}
	for _, r := range f.Reasons {
		if r.Text == text {
			r.Count++
			return
		}
	}
	if len(f.Reasons) == maxReasons {
		f.Reasons = append(f.Reasons, &Reason{Text: "other reasons", Where: where})
	}
	if len(f.Reasons) > maxReasons {
		f.Reasons[maxReasons].Count++
		return
	}
	f.Reasons = append(f.Reasons, &Reason{text, 1, where})
}

// finish words what was recognised.
func (f *FileSummary) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortStableFunc(f.Reasons, func(a, b *Reason) int { return cmp.Compare(b.Count, a.Count) })
	whats := slices.SortedFunc(maps.Keys(f.whats), func(a, b string) int {
		return cmp.Or(cmp.Compare(f.whats[b], f.whats[a]), strings.Compare(a, b))
	})
	if f.holder == "" && len(whats) == 0 {
		return
	}
	f.Format = f.holder
	if f.packed != "" {
		f.Format += " (" + f.packed + ")"
	}
	if len(whats) > 0 {
		f.Format += ": " + strings.Join(whats[:min(len(whats), 3)], ", ")
		if len(whats) > 3 {
			f.Format += ", …"
		}
	}
}

// item is something found in a file.
type item struct {
	file         *FileSummary
	raw          []byte
	line, column int64
	why          string
	hint         record.Hint
	shape        *record.CSVShape // with cells instead of raw
	cells        []string
}

func (it *item) where() string { return fmt.Sprintf("%s:%d:%d", it.file.Name, it.line, it.column) }

// batch of items whose bytes lie in one piece of memory.
type batch struct {
	items []item
	arena []byte
	size  int
}

const batchBytes = 4 << 20

// run is one Import.
type run struct {
	*Importer
	ctx     context.Context
	cancel  context.CancelCauseFunc
	batches chan *batch
	cur     *batch
	started time.Time
	read    atomic.Int64
	total   int64

	mu      sync.Mutex
	file    string
	records int64
	files   []*FileSummary
}

// Import reads all files below the paths; "-" is standard input. The summary
// tells of everything up to the error, if there is one: that the paths cannot be
// found, that the appender fails, or that ctx ended. Trouble with a file's
// content is no error: see FileSummary.
func (im *Importer) Import(ctx context.Context, paths ...string) (*Summary, error) {
	inputs, err := expand(paths)
	if err != nil {
		return &Summary{}, err
	}
	if im.Model == nil || im.To == nil {
		return &Summary{}, fault.New(fault.Internal, "an importer needs a model and an appender")
	}
	c := *im
	c.Batch = cmp.Or(c.Batch, 1000)
	c.Workers = cmp.Or(c.Workers, 2)
	c.MaxRecord = cmp.Or(c.MaxRecord, 1<<20)
	if c.Stdin == nil {
		c.Stdin = os.Stdin
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	r := &run{Importer: &c, batches: make(chan *batch, c.Workers), cur: &batch{}}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	r.started = c.Clock()
	for _, in := range inputs {
		r.total += max(in.size, 0)
	}
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(r.work)
	}
	for _, in := range inputs {
		if r.ctx.Err() != nil {
			break
		}
		r.input(in)
	}
	r.flush()
	close(r.batches)
	workers.Wait()
	for _, f := range r.files {
		f.finish()
	}
	if r.ctx.Err() != nil {
		err = context.Cause(r.ctx)
	}
	return &Summary{Files: r.files}, err
}

// counting reader, which also ends when the import does.
type counting struct {
	r   io.Reader
	run *run
}

func (c counting) Read(p []byte) (int, error) {
	if err := c.run.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.run.read.Add(int64(n))
	return n, err
}

func (r *run) summary(name, packed string) *FileSummary {
	f := &FileSummary{Name: name, Tables: map[string]*Count{}, whats: map[string]int64{}, packed: packed}
	r.mu.Lock()
	r.files = append(r.files, f)
	r.file = name
	r.mu.Unlock()
	return f
}

func (r *run) input(in input) {
	var src io.Reader = r.Stdin
	name := in.path
	if name == "-" {
		name = "(standard input)"
	} else {
		f, err := os.Open(in.path)
		if err != nil {
			r.summary(name, "").Problem = "cannot be opened: " + err.Error()
			return
		}
		defer f.Close()
		src = f
	}
	if err := unpack(name, "", counting{src, r}, 0, r.text); err != nil && r.ctx.Err() == nil {
		r.summary(name, "").Problem = err.Error()
	}
}

// text reads one text to its end.
func (r *run) text(t text) error {
	f := r.summary(t.name, t.packed)
	err := t.err
	if err == nil {
		err = r.content(f, t)
	}
	if err != nil && r.ctx.Err() == nil {
		f.mu.Lock()
		f.Problem = err.Error()
		f.mu.Unlock()
		err = nil
	}
	return err
}

// content of a text, to its end. An error is the context's, or about the text.
func (r *run) content(f *FileSummary, t text) error {
	head, err := t.r.Peek(64 << 10)
	if err != nil && err != io.EOF && len(head) == 0 {
		return unreadable(t.name, err)
	}
	body := bytes.TrimLeft(head, " \t\r\n")
	if len(body) == 0 {
		return fault.New(fault.Invalid, "%s:1:1: the file is empty", t.name)
	}
	if !validText(head) {
		f.Note = "some bytes are not UTF-8; tables have U+FFFD in their place"
	}
	if body[0] == '{' || body[0] == '[' {
		return r.json(f, t)
	}
	return r.csv(f, t)
}

func (r *run) json(f *FileSummary, t text) error {
	s := newSplitter(t.r, r.MaxRecord)
	holders := map[string]string{"lines": "JSON lines", "array": "JSON array", "records": "event bodies", "page": "Graph pages"}
	var hint record.Hint
	ctxOf, reason := "", ""
	found := 0
	for {
		p, err := s.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return unreadable(t.name, err)
		}
		found++
		if h := holders[p.holder]; h != "" && !strings.Contains(f.holder, h) {
			if p.holder == "lines" && !s.lines {
				h = "JSON objects"
			}
			if f.holder != "" && !strings.Contains(f.holder, h) {
				f.holder += ", "
			}
			if !strings.Contains(f.holder, h) {
				f.holder += h
			}
		}
		if p.ctx != ctxOf {
			hint, ctxOf, reason = record.Hint{}, p.ctx, ""
			if p.ctx != "" {
				if hint.Resource, hint.Beta = record.GraphResource(p.ctx); hint.Resource == "" {
					_, about, _ := strings.Cut(p.ctx, "$metadata#")
					reason = "this is no activity record but an answer of Microsoft Graph about " + about
				}
			}
		}
		it := item{file: f, line: p.line, column: p.column, why: cmp.Or(p.why, reason), hint: hint}
		if err := r.add(it, p.raw); err != nil {
			return err
		}
	}
	if found == 0 {
		f.Note = "there are no records in it"
	}
	return nil
}

func (r *run) csv(f *FileSummary, t text) error {
	table, err := newTable(r.Model, t.r, t.name, r.MaxRecord)
	if err != nil {
		return fault.New(fault.Invalid, "%s:1:1: %w", t.name, err)
	}
	f.holder = "CSV"
	for {
		cells, line, why, fatal, err := table.next()
		if err == io.EOF {
			return nil
		}
		it := item{file: f, line: line, column: 1, why: why, shape: table.shape, cells: cells}
		var raw []byte
		if why != "" {
			raw = []byte(strings.Join(cells, ","))
			raw = raw[:min(len(raw), deadMax)]
		}
		if err := r.add(it, raw); err != nil {
			return err
		}
		if fatal {
			return fault.New(fault.Invalid, "%s:%d:1: %s; nothing behind it was read", t.name, line, why)
		}
	}
}

// add an item to the batch. raw is copied.
func (r *run) add(it item, raw []byte) error {
	b := r.cur
	size := len(raw)
	for _, c := range it.cells {
		size += len(c)
	}
	if len(b.items) >= r.Batch || len(b.items) > 0 && b.size+size > batchBytes {
		if err := r.flush(); err != nil {
			return err
		}
		b = r.cur
	}
	if len(raw) > cap(b.arena)-len(b.arena) {
		b.arena = make([]byte, 0, max(256<<10, len(raw)))
	}
	from := len(b.arena)
	b.arena = append(b.arena, raw...)
	it.raw = b.arena[from:len(b.arena):len(b.arena)]
	b.items = append(b.items, it)
	b.size += size
	return nil
}

func (r *run) flush() error {
	b := r.cur
	r.cur = &batch{items: make([]item, 0, r.Batch)}
	if len(b.items) == 0 {
		return nil
	}
	select {
	case r.batches <- b:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// work translates and appends batches until there are no more.
func (r *run) work() {
	for b := range r.batches {
		if r.ctx.Err() != nil {
			continue
		}
		if err := r.one(b); err != nil {
			r.cancel(err)
		}
	}
}

func (r *run) one(b *batch) error {
	recs := make([]source.Incoming, len(b.items))
	whats := make([]string, len(b.items))
	for i := range b.items {
		it := &b.items[i]
		recs[i], whats[i] = r.incoming(it)
	}
	verdicts, err := r.To.Append(r.ctx, recs)
	if err != nil {
		return fmt.Errorf("cannot append the records from %s on: %w", b.items[0].where(), err)
	}
	if len(verdicts) != len(recs) {
		return fault.New(fault.Internal, "the appender gave %d verdicts for %d records", len(verdicts), len(recs))
	}
	for i := range b.items {
		b.items[i].file.add(&b.items[i], whats[i], verdicts[i])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records += int64(len(recs))
	if r.Progress != nil {
		p := Progress{File: r.file, Bytes: r.read.Load(), Total: r.total, Records: r.records}
		if d := r.Clock().Sub(r.started).Seconds(); d > 0 {
			p.Rate = float64(r.records) / d
		}
		r.Progress(p)
	}
	return nil
}

// incoming makes a record of what was found.
func (r *run) incoming(it *item) (in source.Incoming, what string) {
	in = source.Incoming{JSON: it.raw, Tenant: r.Tenant, Where: it.where(), Reason: it.why}
	if it.why != "" {
		return in, ""
	}
	hint := it.hint
	hint.Tenant = r.Tenant
	if it.shape != nil {
		json, err := it.shape.Record(it.cells, hint)
		if err != nil {
			in.JSON, in.Reason = []byte(strings.Join(it.cells, ",")), reasonOf(err)
			return in, ""
		}
		in.JSON, in.Form = json, it.shape.Form
		return in, it.shape.What
	}
	t, err := r.Model.Translate(it.raw, hint)
	if err != nil {
		in.Reason = reasonOf(err)
		return in, ""
	}
	in.JSON, in.Form = t.JSON, t.Form
	return in, t.What
}

func reasonOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Error()
	}
	return err.Error()
}

// Totals of all files.
func (s *Summary) Totals() (records, accepted, known, setAside int64) {
	for _, f := range s.Files {
		records += f.Records
		setAside += f.SetAside
		for _, c := range f.Tables {
			accepted += c.Accepted
			known += c.Known
		}
	}
	return records, accepted, known, setAside
}

// Tables of all files.
func (s *Summary) Tables() map[string]Count {
	out := map[string]Count{}
	for _, f := range s.Files {
		for t, c := range f.Tables {
			sum := out[t]
			sum.Accepted += c.Accepted
			sum.Known += c.Known
			out[t] = sum
		}
	}
	return out
}

// WriteTo prints the summary for people.
func (s *Summary) WriteTo(w io.Writer) (int64, error) {
	var b bytes.Buffer
	for _, f := range s.Files {
		fmt.Fprintf(&b, "%s\n", f.Name)
		if f.Format != "" {
			fmt.Fprintf(&b, "  %s\n", f.Format)
		}
		for _, t := range slices.Sorted(maps.Keys(f.Tables)) {
			c := f.Tables[t]
			fmt.Fprintf(&b, "  %-36s %9d new", t, c.Accepted)
			if c.Known > 0 {
				fmt.Fprintf(&b, " %9d already there", c.Known)
			}
			b.WriteByte('\n')
		}
		for _, r := range f.Reasons {
			fmt.Fprintf(&b, "  set aside %d: %s (first at %s)\n", r.Count, r.Text, r.Where)
		}
		if f.Note != "" {
			fmt.Fprintf(&b, "  note: %s\n", f.Note)
		}
		if f.Problem != "" {
			fmt.Fprintf(&b, "  problem: %s\n", f.Problem)
		}
	}
	records, accepted, known, aside := s.Totals()
	fmt.Fprintf(&b, "%d records: %d new, %d already there, %d set aside\n", records, accepted, known, aside)
	n, err := w.Write(b.Bytes())
	return int64(n), err
}
