// SPDX-License-Identifier: Apache-2.0

package schemaregistry

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/riferrei/srclient"
)

const (
	maxIdle     = 4
	idleTimeout = 90 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 20
)

// call is one operation. While it runs it is the transport of the library: it brings the
// context in, which the library does not know, and keeps what the library's errors leave
// out.
type call struct {
	c         *Client
	normalize bool

	answered    *Error // the answer, if it was not a success
	unreachable error  // why no server answered
	registered  bool   // a schema has been registered
}

// placeholder stands for the server in the URLs that the library makes.
const placeholder = "http://registry"

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// library returns the library's client for this operation.
func (c *call) library(ctx context.Context) *srclient.SchemaRegistryClient {
	l := srclient.NewSchemaRegistryClient(placeholder, srclient.WithClient(&http.Client{
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) { return c.roundTrip(ctx, r) }),
		// Followed elsewhere, a redirect would take the credentials along.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}))
	l.CachingEnabled(false)
	return l
}

func (c *call) roundTrip(ctx context.Context, r *http.Request) (*http.Response, error) {
	if c.registered {
		// The library reads back what it has registered; the id, which is all that is wanted
		// of it, is known.
		return answer(r, http.StatusOK, []byte(`{}`)), nil
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		if err := r.Body.Close(); err != nil {
			return nil, err
		}
	}
	status, text, err := c.ask(ctx, r, body)
	if err != nil {
		return nil, err
	}
	if status < 200 || status > 299 {
		c.answered = answerError(r.Method+" "+r.URL.EscapedPath(), status, text)
	} else if r.Method == http.MethodPost && strings.HasSuffix(r.URL.EscapedPath(), "/versions") {
		c.registered = true
	}
	return answer(r, status, text), nil
}

// ask sends a request to the servers in turn, until one answers for itself.
func (c *call) ask(ctx context.Context, r *http.Request, body []byte) (status int, text []byte, err error) {
	servers := c.c.settings.servers
	first := int(c.c.good.Load())
	var failed error
	for i := range servers {
		at := (first + i) % len(servers)
		status, text, err = c.send(ctx, servers[at], r, body)
		if ctx.Err() != nil {
			return 0, nil, context.Cause(ctx)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if !away(status) || i == len(servers)-1 {
			c.c.good.Store(int64(at))
			return status, text, nil
		}
	}
	if err != nil {
		c.unreachable = failed
	}
	return status, text, err
}

// away reports whether it was not the registry itself that answered.
func away(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// send asks one server, within the time-outs, and reads the whole answer.
func (c *call) send(ctx context.Context, s server, r *http.Request, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.c.settings.connect+c.c.settings.read)
	defer cancel()
	target := *s.url
	target.Path, target.RawPath = s.url.Path+r.URL.Path, s.url.EscapedPath()+r.URL.EscapedPath()
	query := r.URL.Query()
	if c.normalize && r.Method == http.MethodPost {
		query.Set("normalize", "true")
	}
	target.RawQuery = query.Encode()
	out, err := http.NewRequestWithContext(ctx, r.Method, target.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	out.Header = r.Header.Clone()
	out.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json")
	if s.authorization != "" {
		out.Header.Set("Authorization", s.authorization)
	}
	response, err := c.c.pool.RoundTrip(out)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", s.url, err)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	err = errors.Join(err, response.Body.Close())
	if err == nil && len(text) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", s.url, err)
	}
	return response.StatusCode, text, nil
}

func answer(r *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
