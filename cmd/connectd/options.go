// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"net"
	"path/filepath"
	"strings"

	"github.com/connectd/connectd/config"
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
	"github.com/connectd/connectd/connect/worker"
)

// workerOptions turns the settings into what the worker needs.
func (d *daemon) workerOptions(plugins *connect.Plugins) (worker.Options, error) {
	s := d.settings
	providers, errs := worker.NewProviders(s.List("config.providers"), s.Raw(), config.ParseProperties)
	if len(errs) > 0 {
		return worker.Options{}, configError("the settings have %d mistake(s):\n%w", len(errs), errs)
	}
	return worker.Options{
		Group: s.String("group.id"), ID: d.workerID(), Plugins: plugins, Settings: d.runtimeSettings(), Cluster: d.cluster, Clusters: &d.pool,
		Config:   topics.ConfigOptions{Options: d.topicOptions("config.storage.", 1), TransactionalID: "connect-cluster-" + s.String("group.id")},
		Offsets:  d.topicOptions("offset.storage.", int32(s.Int("offset.storage.partitions"))),
		Status:   d.topicOptions("status.storage.", int32(s.Int("status.storage.partitions"))),
		StateDir: filepath.Join(d.dir.path, "state"), Providers: providers,
		Tracking: s.Bool("topic.tracking.enable"), TrackingReset: s.Bool("topic.tracking.allow.reset"),
		GracefulStop: s.Millis("task.shutdown.graceful.timeout.ms"),
		Override:     worker.OverridePolicy{Name: s.String("connector.client.config.override.policy"), Allowed: s.List("connector.client.config.override.allowlist")},
		Log:          d.log, Crash: crashPoint(),
	}, nil
}

// topicOptions are those of one internal topic. On the embedded broker there is one
// node, and so one replica.
func (d *daemon) topicOptions(prefix string, partitions int32) topics.Options {
	s := d.settings
	configs := s.WithPrefix(prefix)
	for _, own := range []string{"topic", "partitions", "replication.factor", "file.filename"} {
		delete(configs, own)
	}
	replication := int16(s.Int(prefix + "replication.factor"))
	if d.broker != nil {
		replication = 1
	}
	return topics.Options{Cluster: d.cluster, Topic: s.String(prefix + "topic"), Partitions: partitions, Replication: replication, Configs: configs, Log: d.log}
}

func (d *daemon) runtimeSettings() runtime.WorkerSettings {
	s := d.settings
	converters := map[string]string{}
	for _, key := range []string{"key.converter", "value.converter", "header.converter"} {
		converters[key] = s.String(key)
		for name, v := range s.WithPrefix(key + ".") {
			converters[key+"."+name] = v
		}
	}
	common := d.clientProps("")
	role := func(name string) map[string]string { return s.WithPrefix(name + ".") }
	replication := 0 // the brokers' default
	if d.broker != nil {
		replication = 1
	}
	return runtime.WorkerSettings{
		UnitBytes: s.Int(config.UnitBytes), Replication: int16(replication), StopTimeout: s.Millis("task.shutdown.graceful.timeout.ms"),
		Common: maps.Clone(common), Producer: role("producer"), Consumer: role("consumer"), Admin: role("admin"), Converters: converters,
		FlushInterval: s.Millis("offset.flush.interval.ms"), NoTopicCreation: !s.Bool("topic.creation.enable"),
	}
}

// workerID is the address under which answers name this worker.
func (d *daemon) workerID() string {
	host, port, err := net.SplitHostPort(d.listeners[0].Addr().String())
	if err != nil {
		return d.listeners[0].Addr().String()
	}
	if h := d.settings.String("rest.advertised.host.name"); h != "" {
		host = h
	}
	if !d.settings.IsNull("rest.advertised.port") {
		port = strings.TrimSpace(d.settings.Raw()["rest.advertised.port"])
	}
	return net.JoinHostPort(host, port)
}
