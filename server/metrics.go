package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sextant/node"
	"sextant/record"
)

// metrics of the process.
type metrics struct {
	registry *prometheus.Registry
	records  *prometheus.CounterVec
	requests *prometheus.CounterVec
	times    *prometheus.HistogramVec

	unaudited prometheus.Counter
}

func newMetrics(n *node.Node, version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		records:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sextant_records_total", Help: "Records pushed, by what became of them."}, []string{"outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sextant_http_requests_total", Help: "Requests answered, by route and status."}, []string{"route", "code"}),
		times: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sextant_http_request_seconds", Help: "Time to answer requests, by route. A tail lasts as long as its client.",
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600},
		}, []string{"route"}),
		unaudited: prometheus.NewCounter(prometheus.CounterOpts{Name: "sextant_queries_unaudited_total", Help: "Queries that should be in LAQueryLogs and that the log could not take."}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sextant_build_info", Help: "1, labelled with the version."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.records, m.requests, m.times, m.unaudited, build, tenantMetrics{n}, alertMetrics{n},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// request was answered. Routes are the patterns of the program, so that a client
// cannot make series at will.
func (m *metrics) request(route string, status int, took time.Duration) {
	if route == "" {
		route = "refused"
	}
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.times.WithLabelValues(route).Observe(took.Seconds())
}

// tenantMetrics reports each tenant's log and loader when it is asked.
type tenantMetrics struct{ n *node.Node }

var (
	loadedDesc = prometheus.NewDesc("sextant_loader_records_total", "Records judged by the loader since the start.", []string{"tenant", "judgement"}, nil)
	lagDesc    = prometheus.NewDesc("sextant_loader_lag_events", "Events in the log that are not yet in the tables.", []string{"tenant"}, nil)
	failedDesc = prometheus.NewDesc("sextant_loader_failed", "1 when loading has stopped; the log says why.", []string{"tenant"}, nil)
	bytesDesc  = prometheus.NewDesc("sextant_log_bytes", "Bytes of the log on disk.", []string{"tenant"}, nil)
	asideDesc  = prometheus.NewDesc("sextant_dead_letters", "What was set aside and can be tried again with import --replay.", []string{"tenant"}, nil)
)

func (c tenantMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{loadedDesc, lagDesc, failedDesc, bytesDesc, asideDesc} {
		ch <- d
	}
}

func (c tenantMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64, tenant string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), tenant)
	}
	for _, t := range c.n.Tenants() {
		st := t.Loader.Stats()
		for name, v := range map[string]int64{"new": st.Records, "duplicate": st.Duplicates, "superseded": st.Superseded, "unusable": st.Unusable} {
			ch <- prometheus.MustNewConstMetric(loadedDesc, prometheus.CounterValue, float64(v), t.ID, name)
		}
		topics, err := t.Log.Topics(context.Background())
		if err != nil {
			ch <- prometheus.NewInvalidMetric(bytesDesc, err)
			continue
		}
		var lag, bytes, aside, failed int64
		for _, topic := range topics {
			for i, p := range topic.Partitions {
				bytes += p.Bytes
				if topic.Name == record.DeadLetterTopic {
					aside += p.Next - p.Start
				} else {
					lag += max(p.Next-t.Loader.Loaded(topic.Name, int32(i)), 0)
				}
			}
		}
		if t.Loader.Err() != nil {
			failed = 1
		}
		gauge(lagDesc, lag, t.ID)
		gauge(bytesDesc, bytes, t.ID)
		gauge(asideDesc, aside, t.ID)
		gauge(failedDesc, failed, t.ID)
	}
}
