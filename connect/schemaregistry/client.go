// SPDX-License-Identifier: Apache-2.0

package schemaregistry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/riferrei/srclient"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/avro"
)

// Reference names a schema that another one uses.
type Reference = avro.Reference

// Latest asks Client.Version for the newest version.
const Latest = -1

// Client speaks to one registry. It is safe for concurrent use. Its errors are an *Error
// for what the registry answered, and connect.IsRetriable for what may pass by itself:
// no connection, a time-out, a failing server.
type Client struct {
	settings settings
	pool     *http.Transport
	// good is the server that answered last; the next call begins with it.
	good atomic.Int64
}

// Open makes a client of settings with the original's names: schema.registry.url,
// basic.auth.*, bearer.auth.*, http.*.timeout.ms and schema.registry.ssl.*. It does not
// wait for the registry. Mistakes are connect.ConfigErrors.
func Open(props map[string]string) (*Client, error) {
	s, err := parseSettings(props)
	if err != nil {
		return nil, err
	}
	return &Client{settings: s, pool: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: s.connect}).DialContext,
		TLSHandshakeTimeout:   s.connect,
		ResponseHeaderTimeout: s.read,
		TLSClientConfig:       s.tls,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   maxIdle,
		IdleConnTimeout:       idleTimeout,
	}}, nil
}

// Close closes idle connections. It is idempotent; the client may still be used.
func (c *Client) Close() error {
	c.pool.CloseIdleConnections()
	return nil
}

// Register makes a text known under a subject and returns its id. A text that is known
// keeps its id. With normalize the registry compares and stores the normal form.
func (c *Client) Register(ctx context.Context, subject, text string, refs []Reference, normalize bool) (int, error) {
	call := &call{c: c, normalize: normalize}
	s, err := call.library(ctx).CreateSchema(subject, text, srclient.Avro, references(refs)...)
	if err != nil {
		return 0, call.failure(ctx, fmt.Sprintf("register a schema under %s", subject), err)
	}
	return s.ID(), nil
}

// Lookup finds the id and version of a text that is registered under a subject.
func (c *Client) Lookup(ctx context.Context, subject, text string, refs []Reference, normalize bool) (id, version int, err error) {
	call := &call{c: c, normalize: normalize}
	s, err := call.library(ctx).LookupSchema(subject, text, srclient.Avro, references(refs)...)
	if err != nil {
		return 0, 0, call.failure(ctx, fmt.Sprintf("look up a schema under %s", subject), err)
	}
	return s.ID(), s.Version(), nil
}

// ByID returns the Avro schema that an id stands for.
func (c *Client) ByID(ctx context.Context, id int) (text string, refs []Reference, err error) {
	call := &call{c: c}
	s, err := call.library(ctx).GetSchema(id)
	if err != nil {
		return "", nil, call.failure(ctx, fmt.Sprintf("get the schema with id %d", id), err)
	}
	if err := isAvro(s); err != nil {
		return "", nil, fmt.Errorf("get the schema with id %d: %w", id, err)
	}
	return s.Schema(), ownReferences(s.References()), nil
}

// Version returns a version of a subject; Latest is the newest one.
func (c *Client) Version(ctx context.Context, subject string, version int) (id, number int, text string, refs []Reference, err error) {
	call := &call{c: c}
	get := func() (*srclient.Schema, error) { return call.library(ctx).GetSchemaByVersion(subject, version) }
	if version == Latest {
		get = func() (*srclient.Schema, error) { return call.library(ctx).GetLatestSchema(subject) }
	}
	s, err := get()
	if err != nil {
		return 0, 0, "", nil, call.failure(ctx, fmt.Sprintf("get version %d of %s", version, subject), err)
	}
	if err := isAvro(s); err != nil {
		return 0, 0, "", nil, fmt.Errorf("get version %d of %s: %w", version, subject, err)
	}
	return s.ID(), s.Version(), s.Schema(), ownReferences(s.References()), nil
}

func isAvro(s *srclient.Schema) error {
	if t := s.SchemaType(); t != nil && *t != "" && *t != srclient.Avro {
		return fmt.Errorf("the schema is of type %s, not AVRO", string(*t))
	}
	if s.Schema() == "" {
		return errors.New("the answer has no schema")
	}
	return nil
}

func references(refs []Reference) []srclient.Reference {
	var all []srclient.Reference
	for _, r := range refs {
		all = append(all, srclient.Reference(r))
	}
	return all
}

func ownReferences(refs []srclient.Reference) []Reference {
	var all []Reference
	for _, r := range refs {
		all = append(all, Reference(r))
	}
	return all
}

// failure makes the error of a call: the answer of the registry, or why there is none.
func (c *call) failure(ctx context.Context, what string, err error) error {
	var untrusted *tls.CertificateVerificationError
	switch {
	case c.answered != nil:
		return c.answered.classify()
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	case errors.As(c.unreachable, &untrusted):
		return fmt.Errorf("%s: %w", what, c.unreachable)
	case c.unreachable != nil:
		return connect.Retriable(fmt.Errorf("%s: %w", what, c.unreachable))
	}
	return fmt.Errorf("%s: read the registry's answer: %w", what, err)
}
