// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds the counters of all tasks and shows them. It is safe for
// concurrent use.
type Registry struct {
	prom *prometheus.Registry

	mu    sync.Mutex
	tasks map[taskKey]*Task
}

type taskKey struct {
	connector string
	task      int
}

// NewRegistry makes a registry that also shows the process and the Go runtime.
func NewRegistry() *Registry {
	r := &Registry{prom: prometheus.NewRegistry(), tasks: map[taskKey]*Task{}}
	r.prom.MustRegister(r, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Task returns the counters of a task, the same ones at every call, so that they
// outlive its restarts.
func (r *Registry) Task(connector string, task int) *Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := taskKey{connector, task}
	if r.tasks[k] == nil {
		r.tasks[k] = &Task{}
	}
	return r.tasks[k]
}

// Remove forgets the tasks of a connector.
func (r *Registry) Remove(connector string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range r.tasks {
		if k.connector == connector {
			delete(r.tasks, k)
		}
	}
}

// Handler serves the metrics in Prometheus' form.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.prom, promhttp.HandlerOpts{})
}

// Describe sends nothing: which tasks there are changes.
func (r *Registry) Describe(chan<- *prometheus.Desc) {}

// Collect reads the counters as they are.
func (r *Registry) Collect(out chan<- prometheus.Metric) {
	r.mu.Lock()
	tasks := make(map[taskKey]*Task, len(r.tasks))
	for k, t := range r.tasks {
		tasks[k] = t
	}
	r.mu.Unlock()
	for k, t := range tasks {
		labels := []string{k.connector, strconv.Itoa(k.task)}
		for i := range table {
			m := &table[i]
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.read(t), labels...)
		}
		for _, s := range states {
			out <- prometheus.MustNewConstMetric(statusDesc, prometheus.GaugeValue, boolean(t.State() == s), append(labels, string(s))...)
		}
	}
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
