package loganalytics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sextant/external"
	"sextant/fault"
	"sextant/table"
)

// Limits of what is streamed to a table in one request, packed and not.
const (
	maxStream      = 10 << 20
	maxStreamPlain = 64 << 20
)

// taker takes rows in; Management is one.
type taker interface {
	Append(ctx context.Context, tenant, name string, rows []json.RawMessage, ids []string) error
}

// ServeStream answers POST of /v1/rest/ingest/{database}/{table}: rows that are queryable
// at once, in one of Kusto's formats. They are durable when it answers. JSON is matched
// with columns by its names, the others by the order of the table's columns; there are no
// ingestion mappings to name.
func (k *Kusto) ServeStream(w http.ResponseWriter, r *http.Request, database, name string) {
	a := k.note(w, r)
	a.db = database
	rows, err := k.stream(w, a, name)
	if err != nil {
		k.fail(w, a, err)
		return
	}
	b := made("TableName Rows:long")
	addRow(b, name, int64(rows))
	k.single(r.Context(), w, a, b)
}

func (k *Kusto) stream(w http.ResponseWriter, a *kustoAsk, name string) (rows int, err error) {
	ctx, q := a.r.Context(), a.r.URL.Query()
	if a.place, err = k.database(ctx, a.db); err != nil {
		return 0, err
	}
	c := &command{k: k, a: a, ctx: ctx}
	def, err := c.table(name)
	if err != nil {
		return 0, err
	}
	if m := q.Get("mappingName"); m != "" {
		return 0, &notFoundError{fmt.Sprintf("Entity ID '%s' of kind 'MappingPersistent' was not found: tables have no ingestion mappings here; JSON is matched with columns by its names.", m)}
	}
	if kind := q.Get("sourceKind"); kind != "" && !strings.EqualFold(kind, "stream") {
		return 0, fault.New(fault.Invalid, "the rows are taken from the request itself, not from a source of the kind %q", kind)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, a.r.Body, maxStream))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return 0, fault.New(fault.Limit, "a request to stream rows may have %d MB; send the rows in parts", maxStream>>20)
	case err != nil:
		return 0, fault.New(fault.Invalid, "the request's body could not be read: %w", err)
	}
	values, err := external.Parse(bytes.NewReader(body), external.Request{
		Columns: def.Columns, Format: q.Get("streamFormat"), SkipFirst: strings.EqualFold(q.Get("ignoreFirstRecord"), "true"),
	}, maxStreamPlain)
	if err != nil {
		return 0, err
	}
	to, ok := k.Places.(taker)
	if !ok {
		return 0, fault.New(fault.Denied, "rows cannot be streamed here")
	}
	b := table.NewBatch(def.Columns, len(values))
	for _, row := range values {
		b.AppendRow(row)
	}
	// A request that comes again, by its id, adds nothing.
	ids := itemIDs(a.r.Header.Get("x-ms-client-request-id"), append([]byte(name+"\x00"), body...), b.Rows)
	return b.Rows, to.Append(ctx, a.place.Info().Tenant, name, objectsOf(b), ids)
}
