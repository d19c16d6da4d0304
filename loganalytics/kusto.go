package loganalytics

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// Kusto answers the REST API of Azure Data Explorer: databases are workspaces.
//
// Source: the requests and answers of Microsoft's Go and JavaScript clients as
// observed; the multi-table form of version 1, progressive frames and browse
// commands from its documentation.
type Kusto struct {
	Places  Places
	Clock   func() time.Time
	Logger  *slog.Logger
	Gate    *Gate
	Version string
	// Login is where clients get tokens; "" is the address that they ask.
	Login string

	who     KustoPrincipal
	history *history
}

// KustoPrincipal is who asks.
type KustoPrincipal struct {
	Name, ID string
	All      bool // sees what others asked too
}

// NewKusto over the places that For gives each principal.
func NewKusto(k Kusto) *Kusto {
	k.history = &history{}
	return &k
}

// For one principal, who sees these places. The history is that of all.
func (k *Kusto) For(places Places, who KustoPrincipal) *Kusto {
	one := *k
	one.Places, one.who = places, who
	return &one
}

// kustoRequest is the body of a query or command.
type kustoRequest struct {
	DB         string          `json:"db"`
	CSL        string          `json:"csl"`
	Properties json.RawMessage `json:"properties"` // an object, or its JSON as a text
}

// kustoOptions are those that we act on; others are ignored.
type kustoOptions struct {
	timeout     time.Duration // 0 is the default
	noTimeout   bool
	take        int64 // rows after which the answer ends; 0 is all
	all         bool  // the answer may be of any length
	maxRows     int64 // rows after which the answer is an error; 0 is the engine's
	maxBytes    int64 // of the answer; 0 is kustoMaxBytes
	progressive bool
	newlines    bool
	fragments   bool
	placement   string // in_data, end_of_table, end_of_dataset
	now         int64
	from, to    int64
	readonly    bool
}

// Limits of an answer, unless options say otherwise.
const (
	kustoTimeout    = 4 * time.Minute
	kustoMaxTimeout = time.Hour
	kustoMaxBytes   = 64 << 20
)

// kustoError is a refusal with the place in Kusto's list of codes.
type kustoError struct {
	status    int
	code      string
	message   string
	typ       string
	text      string // @message
	permanent bool
	inner     []any
}

// ask is a request that was read.
type kustoAsk struct {
	r        *http.Request
	db, csl  string
	opts     kustoOptions
	params   map[string]string
	place    Place
	began    time.Time
	client   string // x-ms-client-request-id
	activity string // GUID
}

// note a request, and tell the client what it is called.
func (k *Kusto) note(w http.ResponseWriter, r *http.Request) *kustoAsk {
	a := &kustoAsk{r: r, began: k.Clock(), client: r.Header.Get("x-ms-client-request-id"), activity: uuid.NewString()}
	if len(a.client) > 200 {
		a.client = a.client[:200]
	}
	a.client = cmp.Or(a.client, "unspecified;"+a.activity)
	w.Header().Set("x-ms-client-request-id", a.client)
	w.Header().Set("x-ms-activity-id", a.activity)
	return a
}

// read a request.
func (k *Kusto) read(w http.ResponseWriter, r *http.Request) (*kustoAsk, error) {
	a := k.note(w, r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return a, fault.New(fault.Invalid, "the request's body could not be read; it may have %d bytes: %w", maxBody, err)
	}
	var req kustoRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return a, fault.New(fault.Invalid, "the request's body is not the JSON object that it should be: %s", jsonReason(err))
	}
	a.db, a.csl = req.DB, req.CSL
	if strings.TrimSpace(a.csl) == "" {
		return a, fault.New(fault.Invalid, "the request has no csl")
	}
	if a.opts, a.params, err = parseProperties(req.Properties); err != nil {
		return a, err
	}
	a.place, err = k.database(r.Context(), req.DB)
	return a, err
}

// database of a name; the only one there is where the name says nothing.
func (k *Kusto) database(ctx context.Context, name string) (Place, error) {
	if name == "" || strings.EqualFold(name, "NetDefaultDB") {
		name = "default"
	}
	run, err := k.Places.Workspace(name)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound || fault.KindOf(err) == fault.Invalid {
			return nil, &notFoundError{fmt.Sprintf("Entity ID '%s' of kind 'Database' was not found: %v", name, err)}
		}
		place, _ := run.(Place) // one that may not be asked
		return place, err
	}
	place, ok := run.(Place)
	if !ok {
		return nil, &notFoundError{fmt.Sprintf("Entity ID '%s' of kind 'Database' was not found.", name)}
	}
	return place, nil
}

// notFoundError names a database or table that is not there.
type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }

// parseProperties of a request: missing, null, an object, or its JSON as a text.
func parseProperties(raw json.RawMessage) (kustoOptions, map[string]string, error) {
	o := kustoOptions{}
	var text string
	if json.Unmarshal(raw, &text) == nil && len(raw) > 0 {
		raw = json.RawMessage(text)
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 || string(raw) == "null" {
		return o, nil, nil
	}
	var p struct {
		Options    map[string]json.RawMessage
		Parameters map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return o, nil, fault.New(fault.Invalid, "the request's properties are neither a JSON object nor the text of one: %w", err)
	}
	for name, v := range p.Options {
		if err := o.set(strings.ToLower(name), plainText(v)); err != nil {
			return o, nil, err
		}
	}
	params := map[string]string{}
	for name, v := range p.Parameters {
		params[name] = plainText(v)
	}
	return o, params, nil
}

// plainText of a JSON value: a text without its quotes, else as it stands.
func plainText(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(bytes.TrimSpace(v))
}

func (o *kustoOptions) set(name, value string) error {
	bad := func(what string) error {
		return fault.New(fault.Invalid, "the option %s is %q, which is no %s", name, value, what)
	}
	flag := func(to *bool) error {
		b, err := strconv.ParseBool(strings.ToLower(value))
		if err != nil {
			return bad("boolean")
		}
		*to = b
		return nil
	}
	count := func(to *int64) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return bad("count")
		}
		*to = n
		return nil
	}
	moment := func(to *int64) error {
		n, ok := parseInstant(value)
		if !ok {
			return bad("datetime")
		}
		*to = n
		return nil
	}
	if value == "null" || value == "" {
		return nil
	}
	switch name {
	case "servertimeout":
		d, ok := parseTimeout(value)
		if !ok || d <= 0 {
			return bad("timespan")
		}
		o.timeout = min(d, kustoMaxTimeout)
	case "norequesttimeout":
		return flag(&o.noTimeout)
	case "notruncation":
		return flag(&o.all)
	case "truncationmaxrecords":
		return count(&o.maxRows)
	case "truncationmaxsize":
		return count(&o.maxBytes)
	case "query_take_max_records":
		return count(&o.take)
	case "results_progressive_enabled":
		return flag(&o.progressive)
	case "results_v2_newlines_between_frames":
		return flag(&o.newlines)
	case "results_v2_fragment_primary_tables":
		return flag(&o.fragments)
	case "results_error_reporting_placement":
		switch o.placement = strings.ToLower(value); o.placement {
		case "in_data", "end_of_table", "end_of_dataset":
		default:
			return bad("placement; in_data, end_of_table and end_of_dataset are")
		}
	case "query_now":
		return moment(&o.now)
	case "query_datetimescope_from":
		return moment(&o.from)
	case "query_datetimescope_to":
		if err := moment(&o.to); err != nil {
			return err
		}
		o.to++ // the end belongs to the scope
	case "query_datetimescope_column":
		if !strings.EqualFold(value, "TimeGenerated") && !strings.EqualFold(value, "Timestamp") {
			return fault.New(fault.Invalid, "the scope of a query is over the time column of its tables, not over %q", value)
		}
	case "query_language":
		if l := strings.ToLower(value); l != "csl" && l != "kql" {
			return fault.New(fault.Invalid, "queries are in KQL (query_language csl or kql), not in %q", value)
		}
	case "request_readonly":
		return flag(&o.readonly)
	}
	return nil
}

// parseTimeout reads [d.]hh:mm:ss[.fffffff], or a timespan as queries write one: 30s,
// 4m, time(1h).
func parseTimeout(s string) (time.Duration, bool) {
	if d, ok := parseClock(s); ok {
		return d, true
	}
	for _, call := range []string{"timespan(", "time("} {
		if inner, ok := strings.CutPrefix(s, call); ok && strings.HasSuffix(inner, ")") {
			return parseTimeout(strings.TrimSuffix(inner, ")"))
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err == nil && n > 0 && n < 10_000
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d > 0
}

// parseClock reads [d.]hh:mm:ss[.fffffff].
func parseClock(s string) (time.Duration, bool) {
	days := 0
	if strings.ContainsAny(s, "+-") {
		return 0, false
	}
	if d, rest, ok := strings.Cut(s, "."); ok && !strings.Contains(d, ":") {
		n, err := strconv.Atoi(d)
		if err != nil || n < 0 || n > 10_000 {
			return 0, false
		}
		days, s = n, rest
	}
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, false
	}
	h, err1 := strconv.Atoi(parts[0])
	m, err2 := strconv.Atoi(parts[1])
	sec, err3 := strconv.ParseFloat(parts[2], 64)
	if err1 != nil || err2 != nil || err3 != nil || h < 0 || h > 10_000 || m < 0 || m > 59 || !(sec >= 0 && sec < 60) {
		return 0, false
	}
	return time.Duration(days*24+h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec*float64(time.Second)), true
}

// ServeQuery answers POST of /v1/rest/query and /v2/rest/query.
func (k *Kusto) ServeQuery(w http.ResponseWriter, r *http.Request, version int) {
	to := newAsking(k.Places, w, r, k.Clock, "")
	defer to.done()
	w = to
	a, err := k.read(w, r)
	if a.place != nil && !strings.HasPrefix(strings.TrimSpace(a.csl), ".") {
		to.run, to.Text, to.Target, to.From, to.To, to.Correlation = a.place, a.csl, a.db, a.opts.from, a.opts.to, a.activity
	}
	if err != nil {
		k.fail(w, a, err)
		return
	}
	if strings.HasPrefix(strings.TrimSpace(a.csl), ".") {
		if version == 1 {
			k.command(w, a)
			return
		}
		k.fail(w, a, fault.New(fault.Invalid, "a control command goes to /v1/rest/mgmt"))
		return
	}
	done := k.history.add(a, k.who)
	to.Rows, err = k.query(w, a, version)
	done(err)
}

// query runs and answers; the error that it gives back was answered too.
func (k *Kusto) query(w http.ResponseWriter, a *kustoAsk, version int) (rows int64, err error) {
	limit := cmp.Or(a.opts.timeout, kustoTimeout)
	if a.opts.noTimeout {
		limit = kustoMaxTimeout
	}
	ctx, cancel := context.WithTimeout(a.r.Context(), limit)
	defer cancel()
	leave, err := k.Gate.enter(ctx)
	if err != nil {
		k.fail(w, a, err)
		return 0, err
	}
	defer leave()
	req := query.Request{
		Text: a.csl, Params: a.params, Now: a.opts.now, From: a.opts.from, To: a.opts.to, MaxRows: a.opts.maxRows, Take: a.opts.take, Lifts: true,
	}
	if a.opts.all && req.MaxRows == 0 {
		req.MaxRows = -1
	}
	answer, err := a.place.Query(ctx, req)
	if err != nil {
		k.fail(w, a, err)
		return 0, err
	}
	defer func() {
		if err := answer.Close(); err != nil {
			k.Logger.Error("an answer could not be closed", "reason", err)
		}
	}()
	var first *table.Batch
	if len(answer.Tables) > 0 {
		answer.Tables[0].Name = "PrimaryResult" // whatever the query calls it
		// The first batch decides between an error status and an answer.
		if first, err = answer.Tables[0].Rows.Next(ctx); err != nil {
			k.fail(w, a, err)
			return 0, err
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := &kustoOut{w: w, ctx: ctx, k: k, a: a, answer: answer, first: first, buf: make([]byte, 0, 64<<10)}
	out.maxBytes = cmp.Or(answer.MaxBytes, a.opts.maxBytes)
	if out.maxBytes == 0 && !answer.All && !a.opts.all {
		out.maxBytes = kustoMaxBytes
	}
	if version == 1 {
		out.tables()
	} else {
		out.frames()
	}
	out.flush()
	return out.rows, out.failed
}

// fail answers an error in Kusto's shape. It is the caller's last word.
func (k *Kusto) fail(w http.ResponseWriter, a *kustoAsk, err error) {
	e := k.describe(a, err)
	if e.status >= 500 && e.status != http.StatusGatewayTimeout {
		k.Logger.Error("a query failed", "reason", err, "request", a.client)
	}
	if e.status == http.StatusTooManyRequests {
		comeAgain(w)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(e.status)
	_, _ = w.Write(append(appendJSON(nil, map[string]any{"error": e.body(k, a)}), '\n')) // a client that went away is no fault of ours
}

func (k *Kusto) describe(a *kustoAsk, err error) kustoError {
	var ds fault.Diagnostics
	var missing *notFoundError
	switch {
	case errors.As(err, &ds):
		return badKusto(ds, a.csl)
	case errors.As(err, &missing):
		return kustoError{400, "BadRequest_EntityNotFound", "Request is invalid and cannot be executed.", "Kusto.Data.Exceptions.EntityNotFoundException", missing.text, true, nil}
	case errors.Is(err, context.DeadlineExceeded):
		return kustoError{504, "Timeout", "Query execution has exceeded the allowed limits.", "Kusto.Data.Exceptions.KustoServiceTimeoutException",
			"The query ran longer than it may; ask for less, or allow more time with the option servertimeout (at most 1 hour).", false, nil}
	case errors.Is(err, ErrThrottled):
		return kustoError{429, "TooManyRequests", "Request is throttled.", "Kusto.Data.Exceptions.KustoRequestThrottledException", err.Error(), false, nil}
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict:
		return kustoError{400, "General_BadRequest", "Request is invalid and cannot be executed.", "Kusto.Data.Exceptions.KustoBadRequestException", err.Error(), true, nil}
	case fault.NotFound:
		return kustoError{400, "BadRequest_EntityNotFound", "Request is invalid and cannot be executed.", "Kusto.Data.Exceptions.EntityNotFoundException", err.Error(), true, nil}
	case fault.Denied:
		return kustoError{403, "Forbidden", "Caller is not authorized to perform this action", "Kusto.Data.Exceptions.KustoRequestDeniedException", err.Error(), true, nil}
	case fault.Limit:
		return kustoError{400, "LimitsExceeded", "Request is invalid and cannot be executed.", "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLimitsExceededException", err.Error(), true, nil}
	case fault.Unavailable:
		return kustoError{503, "ServiceUnavailable", "Service is not available.", "Kusto.Data.Exceptions.KustoServiceException", err.Error(), false, nil}
	}
	return kustoError{500, "Internal service error", "An internal error; the server's log says more.", "Kusto.Data.Exceptions.KustoServiceException", "An internal error; the server's log says more.", false, nil}
}

func badKusto(ds fault.Diagnostics, text string) kustoError {
	e := kustoError{400, "General_BadRequest", "Request is invalid and cannot be executed.", "Kusto.Data.Exceptions.SemanticException", "", true, nil}
	for _, d := range ds {
		if d.Severity != fault.Bad {
			continue
		}
		message := d.Text
		for _, n := range d.Notes {
			message += "; " + n
		}
		line, column := fault.Position(text, d.Span.Start)
		if e.text == "" {
			kind := "Semantic error"
			if strings.HasPrefix(d.Code, "SYN") {
				kind, e.typ, e.code = "Syntax error", "Kusto.Data.Exceptions.SyntaxException", "BadRequest_SyntaxError"
			}
			e.text = fmt.Sprintf("%s: %s: %s [line:position=%d:%d]", kind, d.Code, message, line, column)
		}
		e.inner = append(e.inner, map[string]any{"code": d.Code, "message": message, "@errorCode": d.Code, "@errorMessage": message, "@line": line, "@pos": column})
	}
	return e
}

// body of the error, as it goes into an answer.
func (e kustoError) body(k *Kusto, a *kustoAsk) map[string]any {
	out := map[string]any{
		"code": e.code, "message": e.message, "@type": e.typ, "@message": e.text, "@permanent": e.permanent,
		"@context": map[string]any{
			"timestamp": k.Clock().UTC().Format("2006-01-02T15:04:05.0000000Z"), "serviceAlias": "SEXTANT", "machineName": hostName(), "processName": "sextant",
			"processId": os.Getpid(), "clientRequestId": a.client, "activityId": a.activity, "subActivityId": a.activity, "parentActivityId": a.activity,
		},
	}
	if len(e.inner) > 0 {
		out["innererror"] = e.inner[0]
	}
	if len(e.inner) > 1 {
		out["details"] = e.inner[1:]
	}
	return out
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// ServeAuth answers GET /v1/rest/auth/metadata, which clients ask before the first
// call: where tokens come from. Of a client that brings a token of its own only the
// resource is of interest.
func (k *Kusto) ServeAuth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	login := k.Login
	if login == "" { // the token authority is at the same address
		login = "http://" + r.Host
		if r.TLS != nil {
			login = "https://" + r.Host
		}
	}
	_, _ = w.Write(appendJSON(nil, map[string]any{"AzureAD": map[string]any{
		"LoginEndpoint": login, "LoginMfaRequired": false,
		"KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58", "KustoClientRedirectUri": "https://microsoft/kustoclient",
		"KustoServiceResourceId": "https://kusto.kusto.windows.net", "FirstPartyAuthorityUrl": login + "/f8cdef31-a31e-4b4a-93e4-5f571e91255a",
	}, "dSTS": map[string]any{"CloudEndpointSuffix": "windows.net", "DstsRealm": "realm://dsts.core.windows.net", "DstsInstance": "prod-dsts.dsts.core.windows.net", "KustoDnsHostName": "kusto.windows.net", "ServiceName": "kusto"}}))
}

// history remembers the last queries, for .show queries and .show capacity.
type history struct {
	mu      sync.Mutex
	entries []*asked // oldest first
}

type asked struct {
	client, activity, text, db, app, user string
	by                                    KustoPrincipal
	began                                 time.Time
	took                                  time.Duration
	state, reason                         string
}

// maxHistory is how many queries are remembered.
const maxHistory = 500

// add a query that begins; the function notes its end.
func (h *history) add(a *kustoAsk, by KustoPrincipal) (done func(error)) {
	e := &asked{
		by:     by,
		client: a.client, activity: a.activity, text: a.csl[:min(len(a.csl), 4096)], db: a.place.Info().Name, began: a.began, state: "InProgress",
		app: a.r.Header.Get("x-ms-app"), user: a.r.Header.Get("x-ms-user"),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.entries = append(h.entries, e); len(h.entries) > maxHistory {
		h.entries = h.entries[1:]
	}
	start := time.Now()
	return func(err error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		e.took, e.state = time.Since(start), "Completed"
		if err != nil {
			e.state, e.reason = "Failed", publicText(err)
		}
	}
}
