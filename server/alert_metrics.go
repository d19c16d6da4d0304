package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"sextant/loganalytics"
	"sextant/node"
)

// alertMetrics reports where alert rules stand when it is asked.
type alertMetrics struct{ n *node.Node }

var (
	rulesDesc   = prometheus.NewDesc("sextant_alert_rules", "Alert rules that are on, by whether their last evaluation could be made.", []string{"state"}, nil)
	openDesc    = prometheus.NewDesc("sextant_alerts_open", "Alerts that fired and are not resolved, of rules that resolve theirs.", nil, nil)
	waitingDesc = prometheus.NewDesc("sextant_alert_notifications_waiting", "Notifications of alerts that are not delivered yet.", nil, nil)
)

func (c alertMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{rulesDesc, openDesc, waitingDesc} {
		ch <- d
	}
}

func (c alertMetrics) Collect(ch chan<- prometheus.Metric) {
	n, err := loganalytics.CountAlerts(c.n.State())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(rulesDesc, err)
		return
	}
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	gauge(rulesDesc, n.Working, "working")
	gauge(rulesDesc, n.Failing, "failing")
	gauge(openDesc, n.Open)
	gauge(waitingDesc, n.Waiting)
}
