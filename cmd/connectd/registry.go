// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/connectd/connectd/config"
	schema "github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/convert/avro"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/schemaregistry"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

// defaultRegistry is what files are checked against when no daemon runs.
const defaultRegistry = "http://127.0.0.1:8081"

// registry is the schema registry that converters use which name none: the one of
// the worker's settings, or one that runs in this process.
type registry struct {
	// url is empty if there is none.
	url string
	// topic is where the embedded one keeps its schemas.
	topic string
	// settings are the worker's own for that registry, such as credentials.
	settings map[string]string

	listener net.Listener
	schemas  *server.Server
	http     *http.Server
	served   chan error
}

// listenRegistry takes the address of the embedded registry, or remembers the one that
// is named, so that the plugins know it before anything runs.
func listenRegistry(s config.Settings) (*registry, error) {
	r := &registry{settings: map[string]string{}, topic: s.String(config.RegistryTopic)}
	for key, value := range s.Raw() {
		if strings.HasPrefix(key, "schema.registry.") || strings.HasPrefix(key, "basic.auth.") || strings.HasPrefix(key, "bearer.auth.") {
			r.settings[key] = value
		}
	}
	if urls := s.List(config.RegistryURL); len(urls) > 0 {
		r.url = strings.Join(urls, ",")
		return r, nil
	}
	address := s.String(config.RegistryListener)
	if address == "" {
		return r, nil
	}
	var err error
	if r.listener, err = net.Listen("tcp", address); err != nil {
		return nil, environmentError("the address %s of the embedded schema registry cannot be taken: %w: change %s, or stop what uses it", address, err, config.RegistryListener)
	}
	r.url = "http://" + r.listener.Addr().String()
	return r, nil
}

// public is the address without the password that it may hold.
func (r *registry) public() string {
	parts := strings.Split(r.url, ",")
	for i, part := range parts {
		if u, err := url.Parse(part); err == nil {
			parts[i] = u.Redacted()
		}
	}
	return strings.Join(parts, ",")
}

// describe says where the registry is.
func (r *registry) describe() string {
	if r.listener != nil {
		return r.url + " (embedded, in the topic " + r.topic + ")"
	}
	return r.public()
}

// start serves the embedded registry; its schemas are in the cluster.
func (r *registry) start(ctx context.Context, cluster *kafka.Cluster, id string, replication int, log *slog.Logger) error {
	if r.listener == nil {
		return nil
	}
	store := server.NewKafkaStore(server.KafkaOptions{Cluster: cluster, Topic: r.topic, Replication: int16(replication), Log: log})
	var err error
	if r.schemas, err = server.New(ctx, server.Options{Store: store, Log: log, ClusterID: id}); err != nil {
		return environmentError("the embedded schema registry cannot start: %w", err)
	}
	r.http = &http.Server{Handler: r.schemas, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 5 * time.Minute}
	r.served = make(chan error, 1)
	go func() { r.served <- r.http.Serve(r.listener) }()
	return nil
}

// failed tells when the embedded registry can no longer be reached; nil never does.
func (r *registry) failed() <-chan error {
	if r == nil {
		return nil
	}
	return r.served
}

// stop ends what runs. It may be called when nothing does.
func (r *registry) stop(ctx context.Context) error {
	if r == nil || r.listener == nil {
		return nil
	}
	var errs []error
	if r.http != nil {
		errs = append(errs, r.http.Shutdown(ctx))
	}
	// The server has closed it already, unless it was never served.
	_ = r.listener.Close()
	if r.schemas != nil {
		errs = append(errs, r.schemas.Close())
	}
	return errors.Join(errs...)
}

// open makes a client of a connector's properties. What they do not say of the
// worker's registry is taken from the worker's settings.
func (r *registry) open(props map[string]string) (*schemaregistry.Client, error) {
	if url := props["schema.registry.url"]; url != "" && url != r.url {
		return schemaregistry.Open(props)
	}
	all := map[string]string{"schema.registry.url": r.url}
	for _, from := range []map[string]string{r.settings, props} {
		for key, value := range from {
			if value != "" {
				all[key] = value
			}
		}
	}
	return schemaregistry.Open(all)
}

// converter is open for the Avro converter.
func (r *registry) converter(props map[string]string) (avro.Registry, error) {
	return r.open(props)
}

// find looks a schema up for ApplySchema.
func (r *registry) find(ctx context.Context, props map[string]string, subject string, version int) (*schema.Schema, error) {
	client, err := r.open(props)
	if err != nil {
		return nil, err
	}
	found, _, _, err := avro.FetchSchema(ctx, client, subject, version)
	if err != nil {
		return nil, fmt.Errorf("look up subject %s: %w", subject, err)
	}
	return found, nil
}
