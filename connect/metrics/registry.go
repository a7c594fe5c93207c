// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Registry holds the counters of all tasks of a worker. It is safe for concurrent use.
type Registry struct {
	mu    sync.Mutex
	tasks map[taskID]*Task
	prom  *prometheus.Registry
}

type taskID struct {
	connector string
	task      int
}

// NewRegistry makes a registry without tasks, which also shows the process itself.
func NewRegistry() *Registry {
	r := &Registry{tasks: map[taskID]*Task{}, prom: prometheus.NewRegistry()}
	r.prom.MustRegister(r, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Task returns the counters of a task, which it makes at the first call. They go on
// over restarts of the task.
func (r *Registry) Task(connector string, task int) *Task {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := taskID{connector, task}
	if r.tasks[id] == nil {
		r.tasks[id] = &Task{}
	}
	return r.tasks[id]
}

// Remove forgets all tasks of a connector that was deleted.
func (r *Registry) Remove(connector string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.tasks {
		if id.connector == connector {
			delete(r.tasks, id)
		}
	}
}

// Handler serves all metrics in Prometheus' text form.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.prom, promhttp.HandlerOpts{})
}

// Describe implements prometheus.Collector.
func (r *Registry) Describe(out chan<- *prometheus.Desc) {
	for i := range table {
		out <- table[i].desc
	}
	for i := range connectorTable {
		out <- connectorTable[i].desc
	}
	out <- statusDesc
	out <- connectorCount
	out <- taskCount
}

// Collect implements prometheus.Collector.
func (r *Registry) Collect(out chan<- prometheus.Metric) {
	tasks := r.snapshot()
	byConnector := map[string][]*Task{}
	for _, t := range tasks {
		labels := []string{t.id.connector, strconv.Itoa(t.id.task)}
		for i := range table {
			if m := &table[i]; m.of == anyTask || m.of == t.Kind() {
				out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(t.Task), labels...)
			}
		}
		for _, f := range t.Figures() {
			desc := prometheus.NewDesc("connectd_task_"+f.Name, f.Help, []string{"connector", "task"}, nil)
			if m, err := prometheus.NewConstMetric(desc, prometheus.GaugeValue, f.Value, labels...); err == nil {
				out <- m
			}
		}
		out <- prometheus.MustNewConstMetric(statusDesc, prometheus.GaugeValue, 1, append(labels, string(t.State()))...)
		byConnector[t.id.connector] = append(byConnector[t.id.connector], t.Task)
	}
	for name, list := range byConnector {
		for i := range connectorTable {
			m := &connectorTable[i]
			out <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, m.count(list), name)
		}
	}
	out <- prometheus.MustNewConstMetric(connectorCount, prometheus.GaugeValue, float64(len(byConnector)))
	out <- prometheus.MustNewConstMetric(taskCount, prometheus.GaugeValue, float64(len(tasks)))
}

type namedTask struct {
	id taskID
	*Task
}

func (r *Registry) snapshot() []namedTask {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]namedTask, 0, len(r.tasks))
	for id, t := range r.tasks {
		out = append(out, namedTask{id, t})
	}
	slices.SortFunc(out, func(a, b namedTask) int {
		return cmp.Or(cmp.Compare(a.id.connector, b.id.connector), a.id.task-b.id.task)
	})
	return out
}
