// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/connectd/connectd/cmd/connectd/process"
	"github.com/connectd/connectd/config"
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker"
	"github.com/connectd/connectd/connect/broker/store"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
	"github.com/connectd/connectd/connect/rest"
	"github.com/connectd/connectd/connect/topics"
	"github.com/connectd/connectd/connect/worker"
)

const (
	// connectTime is how long the cluster may take to answer when the daemon starts.
	connectTime = 15 * time.Second
	// startTime is how long reading the internal topics may take.
	startTime = 5 * time.Minute
	// stopTime is how long all connectors together may take to end in order.
	stopTime = 60 * time.Second
)

// daemon is everything that runs in the process. start makes its parts in the order
// of the fields, stop ends them in the opposite one.
type daemon struct {
	settings config.Settings
	log      *slog.Logger
	levels   *rest.Levels
	out      io.Writer

	dir *dataDir
	// listeners take the REST address, the first being the one that is announced; of
	// each it is said which part of the API it serves.
	listeners []restListener
	broker    *broker.Broker
	pool      kafka.Clusters
	cluster   *kafka.Cluster
	// clusterID is what the brokers call their cluster.
	clusterID string
	release   func()
	schemas   *registry
	server    *rest.Server
	served    chan error
	worker    *worker.Worker
}

func (d *daemon) start(ctx context.Context) error {
	var err error
	if d.dir, err = openDataDir(d.settings.String(config.DataDir)); err != nil {
		return err
	}
	if err := d.listen(); err != nil {
		return err
	}
	headers, err := rest.ParseHeaders(d.settings.String("response.http.headers.config"))
	if err != nil {
		return configError("response.http.headers.config: %w", err)
	}
	plugins := builtIn(&d.pool, d.schemas)
	counters := metrics.NewRegistry()
	d.server = rest.New(rest.Options{
		Version: compatible, Commit: commit(), Plugins: plugins, Metrics: counters.Handler(), Levels: d.levels, Log: d.log,
		Headers:     headers,
		AllowOrigin: d.settings.String("access.control.allow.origin"), AllowMethods: d.settings.String("access.control.allow.methods"),
	})
	d.served = make(chan error, len(d.listeners))
	for _, l := range d.listeners {
		go func() { d.served <- d.server.ServePart(l.Listener, l.part) }()
	}
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.startRegistry(ctx); err != nil {
		return err
	}
	if err := d.startWorker(ctx, plugins, counters); err != nil {
		return err
	}
	if err := d.announce(); err != nil {
		return err
	}
	d.server.SetHerder(d.worker)
	return nil
}

// restListener is an address of REST, and what is served there.
type restListener struct {
	net.Listener
	part rest.Part
}

// listen takes all addresses before anything else runs, so that a second daemon with
// the same settings fails at once.
func (d *daemon) listen() error {
	part := rest.Whole
	if d.settings.Has("admin.listeners") {
		part = rest.WithoutAdmin
	}
	if err := d.take("listeners", part); err != nil {
		return err
	}
	if err := d.take("admin.listeners", rest.Admin); err != nil {
		return err
	}
	var err error
	d.schemas, err = listenRegistry(d.settings)
	return err
}

// take listens on the addresses of a setting.
func (d *daemon) take(key string, part rest.Part) error {
	for _, listener := range d.settings.List(key) {
		address, err := config.ListenAddress(listener)
		if err != nil {
			return configError("%s: %w", key, err)
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			return environmentError("the REST address %s cannot be taken: %w: change %s, or stop what uses it", address, err, key)
		}
		d.listeners = append(d.listeners, restListener{l, part})
	}
	return nil
}

// connect reaches the cluster, starting the embedded broker if none is named.
func (d *daemon) connect(ctx context.Context) error {
	props := d.clientProps("")
	if d.embedded() {
		address := d.settings.String(config.BrokerListener)
		b, err := broker.Start(ctx, broker.Options{
			Listen: address, Dir: filepath.Join(d.dir.path, "broker"), Log: d.log.With(rest.ComponentKey, "broker"), Store: store.Options{Crash: crashPoint()},
		})
		if err != nil {
			return environmentError("the embedded broker cannot start on %s: %w", address, err)
		}
		d.broker = b
		props["bootstrap.servers"] = b.Addr()
	}
	settings, errs := kafka.ParseSettings(props)
	if len(errs) > 0 {
		return configError("the client settings have %d mistake(s):\n%w", len(errs), errs)
	}
	within, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	var err error
	if d.cluster, d.release, err = d.pool.Get(within, settings); err != nil {
		return environmentError("no Kafka broker of bootstrap.servers=%s answers: %w", props["bootstrap.servers"], err)
	}
	id, err := d.cluster.ID(within)
	if err != nil {
		return environmentError("no Kafka broker of bootstrap.servers=%s answers: %w", props["bootstrap.servers"], err)
	}
	d.clusterID = id
	d.server.SetClusterID(id)
	return nil
}

func (d *daemon) startRegistry(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	replication := d.settings.Int("config.storage.replication.factor")
	if d.embedded() {
		replication = 1
	}
	return d.schemas.start(within, d.cluster, d.clusterID, replication, d.log)
}

func (d *daemon) embedded() bool { return len(d.settings.List("bootstrap.servers")) == 0 }

// clientProps are the Kafka client properties of one role; the brokers' address is
// that of the embedded broker once it runs.
func (d *daemon) clientProps(role string) map[string]string {
	props := d.settings.ClientProps(role)
	if d.broker != nil {
		props["bootstrap.servers"] = d.broker.Addr()
	}
	return props
}

func (d *daemon) startWorker(ctx context.Context, plugins *connect.Plugins, counters *metrics.Registry) error {
	within, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	o, err := d.workerOptions(plugins)
	if err != nil {
		return err
	}
	o.Metrics = counters
	if d.worker, err = worker.Start(within, o); err != nil {
		return environmentError("the internal topics cannot be read: %w", err)
	}
	return nil
}

// announce says what runs where: in a few lines, and in connectd.json.
func (d *daemon) announce() error {
	url := "http://" + d.listeners[0].Addr().String()
	servers := d.clientProps("")["bootstrap.servers"]
	s := process.Announcement{PID: os.Getpid(), REST: url, Kafka: servers}
	lines := []string{fmt.Sprintf("connectd %s, process id %d, data in %s", version, s.PID, d.dir.path), "  REST    " + url}
	if d.broker != nil {
		s.Broker = d.broker.Addr()
		lines = append(lines, "  Kafka   "+s.Broker+" (embedded: a single node, not replicated)")
	} else {
		lines = append(lines, "  Kafka   "+servers)
	}
	if d.schemas.url != "" {
		s.Registry = d.schemas.public()
		lines = append(lines, "  schemas "+d.schemas.describe())
	}
	lines = append(lines, fmt.Sprintf("  topics  %s, %s, %s", d.settings.String("config.storage.topic"), d.settings.String("offset.storage.topic"), d.settings.String("status.storage.topic")))
	printLines(d.out, lines...)
	return d.dir.announce(s)
}

// apply creates or updates the connectors of files.
func (d *daemon) apply(ctx context.Context, files []config.ConnectorFile) error {
	for _, f := range files {
		var err error
		if f.InitialState != "" {
			_, err = d.worker.Create(ctx, f.Name, f.Config, targetOf(f.InitialState))
			var p *worker.Problem
			if errors.As(err, &p) && p.Status == 409 {
				_, _, err = d.worker.Put(ctx, f.Name, f.Config)
			}
		} else {
			_, _, err = d.worker.Put(ctx, f.Name, f.Config)
		}
		if err != nil {
			return configError("%s: %w", f.Path, err)
		}
	}
	return nil
}

func targetOf(state string) topics.Target {
	if state == "RUNNING" {
		return topics.Started
	}
	return topics.Target(state)
}

// wait returns nil when the daemon is told to end, and otherwise what failed.
func (d *daemon) wait(ctx context.Context) error {
	var failed <-chan struct{}
	if d.broker != nil {
		failed = d.broker.Failed()
	}
	select {
	case <-ctx.Done():
		return nil
	case <-failed:
		return environmentError("the embedded broker cannot go on: %w", d.broker.Err())
	case err := <-d.schemas.failed():
		return environmentError("the embedded schema registry cannot go on: %w", err)
	case err := <-d.served:
		d.served = nil
		return environmentError("REST cannot go on: %w", err)
	}
}

// stop ends the parts in order. It may be called when only some of them run.
func (d *daemon) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	var errs []error
	if d.server != nil {
		errs = append(errs, d.server.Close(ctx))
	}
	for _, l := range d.listeners {
		// The server has closed it already, unless it was never served.
		_ = l.Close()
	}
	if d.worker != nil {
		errs = append(errs, d.worker.Stop(ctx))
	}
	errs = append(errs, d.schemas.stop(ctx))
	if d.release != nil {
		d.release()
	}
	if d.broker != nil {
		errs = append(errs, d.broker.Close())
	}
	if d.dir != nil {
		errs = append(errs, d.dir.close())
	}
	return errors.Join(errs...)
}
