// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// Source introduces the source. Its connections come from the worker's pool.
func Source(pool *kafka.Clusters) connect.SourcePlugin {
	return connect.SourcePlugin{
		PluginInfo: connect.PluginInfo{
			Class: "KafkaSource", Aliases: []string{"KafkaSourceConnector"}, Version: version,
			Doc: "Reads topics of the own cluster or of another one, exactly once.", Config: sourceConfig, Validate: validateSource,
		},
		Defaults: map[string]string{"key.converter": byteArray, "value.converter": byteArray, "header.converter": byteArray},
		New:      func() connect.Connector { return &source{pool: pool} },
		NewTask:  func() connect.SourceTask { return &sourceTask{pool: pool} },
		Decodes:  true, CheckOffset: checkOffset,
	}
}

const version = "1.0.0"

// source plans the tasks and watches for new topics and partitions.
type source struct {
	pool *kafka.Clusters

	c       connect.ConnectorContext
	own     bool // the topics are of the worker's cluster
	topics  []string
	regex   *regexp.Regexp
	cluster *kafka.Cluster
	release func()
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu      sync.Mutex
	planned []kafka.TopicPartition
}

// Start connects to the cluster and begins to watch it.
func (s *source) Start(ctx context.Context, c connect.ConnectorContext) error {
	s.c, s.topics = c, c.Config.List(topicsKey)
	if r := c.Config.String(regexKey); r != "" {
		re, err := regexp.Compile("^(?:" + r + ")$")
		if err != nil {
			return fmt.Errorf("%s: %w", regexKey, err)
		}
		s.regex = re
	}
	settings, foreign, err := clientSettings(c.Config, sourcePrefix, c.Kafka)
	if err != nil {
		return err
	}
	s.own = !foreign
	if s.cluster, s.release, err = s.pool.Get(ctx, settings); err != nil {
		return err
	}
	watching, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.watch(watching, c.Config.Millis(refreshKey))
	}()
	return nil
}

// watch asks for new tasks when topics or partitions appear.
func (s *source) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		found, err := s.partitions(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.c.Log.Warn("looking for new topics failed; it is tried again", "error", err)
			}
			continue
		}
		s.mu.Lock()
		changed := s.planned != nil && !slices.Equal(found, s.planned)
		s.mu.Unlock()
		if changed {
			s.c.Reconfigure()
		}
	}
}

// partitions lists all partitions of the wanted topics, by topic and number. A topic
// that does not exist yet has none.
func (s *source) partitions(ctx context.Context) ([]kafka.TopicPartition, error) {
	topics := slices.Clone(s.topics)
	if s.regex != nil {
		all, err := s.cluster.Topics(ctx)
		if err != nil {
			return nil, err
		}
		topics = s.matching(all)
	}
	slices.Sort(topics)
	var out []kafka.TopicPartition
	for _, t := range topics {
		n, err := s.cluster.Refresh(ctx, t)
		if errors.Is(err, kafka.ErrUnknownTopic) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for p := range n {
			out = append(out, kafka.TopicPartition{Topic: t, Partition: p})
		}
	}
	return out, nil
}

// matching returns the topics that the regular expression means. On the own cluster
// these are not the ones that the job itself writes: it would never come to an end.
func (s *source) matching(all []string) []string {
	var found []string
	written := map[string]bool{}
	for _, t := range all {
		if s.regex.MatchString(t) {
			found = append(found, t)
			written[strings.ReplaceAll(s.c.Config.String(topicKey), topicReference, t)] = s.own
		}
	}
	written[s.c.Config.Raw()[errorTopicKey]] = s.own
	return slices.DeleteFunc(found, func(t string) bool { return written[t] })
}

// Tasks gives partition n of all topics to one task.
func (s *source) Tasks(ctx context.Context, most int) ([]map[string]string, error) {
	found, err := s.partitions(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.planned = append([]kafka.TopicPartition{}, found...)
	s.mu.Unlock()
	numbers := 0
	for _, tp := range found {
		numbers = max(numbers, int(tp.Partition)+1)
	}
	n := max(1, min(most, numbers))
	assigned := make([][]string, n)
	for _, tp := range found {
		i := int(tp.Partition) % n
		assigned[i] = append(assigned[i], tp.Topic+":"+strconv.Itoa(int(tp.Partition)))
	}
	tasks := make([]map[string]string, n)
	for i := range tasks {
		tasks[i] = maps.Clone(s.c.Config.Raw())
		tasks[i][partitionsKey] = strings.Join(assigned[i], ",")
		tasks[i][countKey] = strconv.Itoa(max(1, numbers))
	}
	return tasks, nil
}

// Stop ends the watching.
func (s *source) Stop(context.Context) error {
	if s.cancel != nil {
		s.cancel()
		s.wg.Wait()
	}
	if s.release != nil {
		s.release()
	}
	return nil
}

// parseAssigned reads what Tasks wrote.
func parseAssigned(text string) ([]kafka.TopicPartition, error) {
	if text == "" {
		return nil, nil
	}
	var out []kafka.TopicPartition
	for _, part := range strings.Split(text, ",") {
		topic, number, ok := strings.Cut(part, ":")
		p, err := strconv.ParseInt(number, 10, 32)
		if !ok || err != nil || p < 0 {
			return nil, fmt.Errorf("%s: %q is not topic:partition", partitionsKey, part)
		}
		out = append(out, kafka.TopicPartition{Topic: topic, Partition: int32(p)})
	}
	return out, nil
}
