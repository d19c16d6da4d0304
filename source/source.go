// Package source is what the ways in have in common: what they hand to the
// intake, and what they hear back. Each way in is a package below this one.
package source

import (
	"context"

	"sextant/record"
)

// Appender takes records in. The intake implements it.
type Appender interface {
	// Append judges each record, makes the new ones durable, and answers one
	// verdict for each, in order. When it returns an error nothing may be
	// assumed about any of them; giving them again is safe, because what is
	// already there is recognised. The records' bytes are the caller's again
	// when it returns.
	Append(ctx context.Context, recs []Incoming) ([]Verdict, error)
}

// Incoming is a record on its way in.
type Incoming struct {
	JSON   []byte      // one diagnostic record; with a Reason, whatever bytes there were
	Form   record.Form // what it was translated from; Export when it came as it is
	Tenant string      // the directory to use when the record names none; "" has none
	Where  string      // file:line:byte or the like, for messages and dead letters
	Reason string      // set: this is no record that we can use, and why; it is set aside
}

// Outcome of a record.
type Outcome uint8

const (
	Accepted     Outcome = iota // new, or a fuller form than what was there; durable
	Known                       // already there
	DeadLettered                // no record that we can use; kept aside, with the reason
)

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown"
}

var outcomeNames = [...]string{"accepted", "known", "set aside"}

// Verdict says what became of one record.
type Verdict struct {
	Outcome  Outcome
	Category string // canonical; "" when dead-lettered
	Table    string // where the record's row goes; "" when dead-lettered
	Reason   string // why it was set aside
}
