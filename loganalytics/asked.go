package loganalytics

import (
	"net/http"
	"time"

	"github.com/google/uuid"
)

// Asked is a query that has been answered, or refused: what an audit of queries says
// of it.
type Asked struct {
	At          time.Time
	Took        time.Duration
	Correlation string // names this query alone
	Text        string
	From, To    int64  // of the time that the request asks about, in ticks, To exclusive; both 0: no bound
	App         string // what the client calls itself (x-ms-app)
	Target      string // workspace or resource, as the request names it
	Status      int    // of the answer
	Rows        int64  // of all its results
}

// Auditor is told of queries. Workspaces that are one are told of those that people
// and applications ask, and not of those of alert rules, as Azure has it.
type Auditor interface {
	// Asked is called when the answer was written. run is what was asked.
	Asked(run Runner, a Asked)
}

// asking notes what becomes of one query.
type asking struct {
	Recorder
	Asked
	to    Auditor // nil: nobody
	run   Runner  // nil: nothing that could be asked was named
	clock func() time.Time
}

// newAsking begins to note. The answer goes out through what it gives, and done must follow.
func newAsking(of Workspaces, w http.ResponseWriter, r *http.Request, clock func() time.Time, target string) *asking {
	a := &asking{Recorder: Recorder{ResponseWriter: w}, clock: clock}
	a.to, _ = of.(Auditor)
	a.At, a.Target, a.App, a.Correlation = clock(), target, nameOfApp(r), uuid.NewString()
	return a
}

// nameOfApp is what the client of a request calls itself.
func nameOfApp(r *http.Request) string {
	app := r.Header.Get("x-ms-app")
	return app[:min(len(app), 256)]
}

func (a *asking) done() {
	if a.to == nil || a.run == nil || a.Text == "" {
		return
	}
	a.Status, a.Took = a.Code, a.clock().Sub(a.At)
	a.to.Asked(a.run, a.Asked)
}
