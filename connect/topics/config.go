// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/connectd/connectd/connect/kafka"
)

// adminTransaction is the time-out of the short transactions of this package.
const adminTransaction = time.Minute

// Target is the state that an operator wants a connector in.
type Target string

// The target states, as the config topic names them.
const (
	Started Target = "STARTED"
	Paused  Target = "PAUSED"
	Stopped Target = "STOPPED"
)

// Restart is a request to restart a connector, as it stands in the config topic.
type Restart struct {
	Connector    string
	IncludeTasks bool
	OnlyFailed   bool
}

// ConnectorState is all that the config topic says of one connector.
type ConnectorState struct {
	Config map[string]string
	Target Target
	// Tasks are the committed task configurations; nil before the first commit.
	Tasks []map[string]string
	// Inconsistent says that a commit named more tasks than were written: they have to
	// be planned again.
	Inconsistent bool
	// AppliedConfig is the connector's configuration when Tasks were committed.
	AppliedConfig map[string]string
	// FencingCount is the number of tasks whose producers were fenced last; -1 if none
	// is recorded.
	FencingCount int
}

// ConfigOptions are the options of the config topic.
type ConfigOptions struct {
	Options
	// TransactionalID is that of the writer: connect-cluster-<group.id>.
	TransactionalID string
	// Lead says that this worker is the one that writes: another writer is fenced.
	Lead bool
	// Changed is called after a record about a connector has been applied, from the
	// goroutine that follows the topic; it must not wait for that goroutine.
	Changed func(connector string)
	// Restart is called with each request that is read after the start.
	Restart func(Restart)
}

// Config is the config topic. It is safe for concurrent use.
type Config struct {
	warnings
	log     *topicLog
	writer  *writer
	changed func(string)
	restart func(Restart)

	mu         sync.RWMutex
	replayed   bool
	connectors map[string]*ConnectorState
	targets    map[string]Target // may come before their connector
	counts     map[string]int
	deferred   map[string]map[int]map[string]string // task configurations before their commit
}

// OpenConfig reads the config topic, creating it if need be, and follows it. A topic
// with more than one partition is refused, since its records would have no order.
func OpenConfig(ctx context.Context, o ConfigOptions) (*Config, error) {
	c := &Config{
		warnings: warningsOf(o.Options), changed: o.Changed, restart: o.Restart, connectors: map[string]*ConnectorState{}, targets: map[string]Target{},
		counts: map[string]int{}, deferred: map[string]map[int]map[string]string{},
	}
	o.Partitions = 1
	log, err := openLog(ctx, o.Options, c.apply)
	if err != nil {
		return nil, err
	}
	c.log = log
	if n := len(log.partitions); n != 1 {
		log.close()
		return nil, fmt.Errorf("topic %s has %d partitions, a config topic has exactly one: name another config.storage.topic", o.Topic, n)
	}
	c.writer = &writer{log: log, options: kafka.ProducerOptions{TransactionalID: o.TransactionalID, TransactionTimeout: adminTransaction}}
	if o.Lead {
		if err := c.lead(ctx); err != nil {
			log.close()
			return nil, err
		}
	}
	c.mu.Lock()
	c.replayed = true
	c.mu.Unlock()
	return c, nil
}

// lead takes the writer's id over, which ends what a killed worker left open and
// fences one that is still alive; then the end of the topic is really the end.
func (c *Config) lead(ctx context.Context) error {
	if err := c.writer.begin(ctx); err != nil {
		return err
	}
	return c.log.readToEnd(ctx)
}

// Close stops following.
func (c *Config) Close() { c.log.close() }

// Names returns the connectors, sorted.
func (c *Config) Names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Sorted(maps.Keys(c.connectors))
}

// Connector returns a copy of what is known of a connector, and whether it exists.
func (c *Config) Connector(name string) (ConnectorState, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.connectors[name]
	if !ok {
		return ConnectorState{}, false
	}
	out := *s
	out.Target, out.FencingCount = Started, -1
	if t, ok := c.targets[name]; ok {
		out.Target = t
	}
	if n, ok := c.counts[name]; ok {
		out.FencingCount = n
	}
	out.Tasks = slices.Clone(s.Tasks) // the maps are never changed once they are in
	return out, true
}

// Sync returns when everything that was written before the call has been applied.
func (c *Config) Sync(ctx context.Context) error { return c.log.readToEnd(ctx) }

func (c *Config) put(ctx context.Context, rs ...kafka.Record) error {
	return c.writer.write(ctx, map[int32][]kafka.Record{0: rs})
}

// PutConnector writes a configuration. A target that is not empty is written before
// it, so that nobody starts what is created as stopped.
func (c *Config) PutConnector(ctx context.Context, name string, config map[string]string, target Target) error {
	var rs []kafka.Record
	if target != "" {
		rs = append(rs, targetRecord(name, target))
	}
	return c.put(ctx, append(rs, kafka.Record{Key: []byte(connectorPrefix + name), Value: propertiesJSON(config)})...)
}

// DeleteConnector writes the tombstones of a connector. Its task records stay, as in
// the original: without a connector they mean nothing.
func (c *Config) DeleteConnector(ctx context.Context, name string) error {
	return c.put(ctx, kafka.Record{Key: []byte(connectorPrefix + name)}, kafka.Record{Key: []byte(targetPrefix + name)})
}

// PutTarget writes a target state.
func (c *Config) PutTarget(ctx context.Context, name string, target Target) error {
	return c.put(ctx, targetRecord(name, target))
}

// PutTasks writes a task set: all configurations, then the commit.
func (c *Config) PutTasks(ctx context.Context, name string, tasks []map[string]string) error {
	rs := make([]kafka.Record, 0, len(tasks)+1)
	for i, t := range tasks {
		rs = append(rs, kafka.Record{Key: []byte(fmt.Sprintf("%s%s-%d", taskPrefix, name, i)), Value: propertiesJSON(t)})
	}
	commit := fmt.Sprintf(`{"tasks":%d}`, len(tasks))
	return c.put(ctx, append(rs, kafka.Record{Key: []byte(commitPrefix + name), Value: []byte(commit)})...)
}

// PutFencingCount records for how many tasks the producers have been fenced.
func (c *Config) PutFencingCount(ctx context.Context, name string, tasks int) error {
	return c.put(ctx, kafka.Record{Key: []byte(fencingPrefix + name), Value: fmt.Appendf(nil, `{"task-count":%d}`, tasks)})
}

// PutRestart asks whoever runs the connector to restart it.
func (c *Config) PutRestart(ctx context.Context, r Restart) error {
	value := fmt.Appendf(nil, `{"include-tasks":%t,"only-failed":%t}`, r.IncludeTasks, r.OnlyFailed)
	return c.put(ctx, kafka.Record{Key: []byte(restartPrefix + r.Connector), Value: value})
}

// PutLoggerLevel sets the level of a logger on all workers.
func (c *Config) PutLoggerLevel(ctx context.Context, logger, level string) error {
	return c.put(ctx, kafka.Record{Key: []byte(loggerPrefix + logger), Value: fmt.Appendf(nil, `{"level":%q}`, level)})
}
