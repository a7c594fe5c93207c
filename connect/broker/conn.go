// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxPlainRequest bounds requests other than Produce, whose decoded form can
	// be many times larger than the request.
	maxPlainRequest = 8 << 20
	// smallRequest needs no share of the memory budget.
	smallRequest = 64 << 10
	// step is how much of a request is read before more memory is taken: a batch of the
	// usual largest size, with what is around it.
	step = 1<<20 + 16<<10
	// maxPooled is the largest buffer that is kept for the next request.
	maxPooled = 8 << 20
	// transferTimeout bounds reading the rest of a request once it has begun, and
	// writing a response.
	transferTimeout = time.Minute
)

// errRequest says that the client does not speak the protocol; its connection is
// closed.
var errRequest = errors.New("malformed request")

// errGone says that the client has closed its connection, or sent nothing for
// too long, between two requests.
var errGone = errors.New("client has gone")

// Buffers of small requests and answers have a pool of their own: a connection that waits
// for records holds its buffers all the while, and must not hold those of large batches.
var (
	smallBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 16<<10); return &b }}
	largeBuffers = sync.Pool{New: func() any { return new([]byte) }}
)

// takeBuffer returns an empty buffer for about size bytes; 0 stands for few.
func takeBuffer(size int) *[]byte {
	if size > smallRequest {
		return largeBuffers.Get().(*[]byte)
	}
	return smallBuffers.Get().(*[]byte)
}

func giveBuffer(b *[]byte) {
	*b = (*b)[:0]
	switch n := cap(*b); {
	case n <= smallRequest:
		smallBuffers.Put(b)
	case n <= maxPooled:
		largeBuffers.Put(b)
	}
}

// conn is the connection of a client. It is used by one goroutine.
type conn struct {
	b    *Broker
	nc   net.Conn
	r    *bufio.Reader
	host string
	// clientID is what the client calls itself in the current request.
	clientID string
	// produced is kept from request to request.
	produced produceState
}

func newConn(b *Broker, nc net.Conn) *conn {
	host, _, err := net.SplitHostPort(nc.RemoteAddr().String())
	if err != nil {
		host = nc.RemoteAddr().String()
	}
	return &conn{b: b, nc: nc, r: bufio.NewReaderSize(nc, 4<<10), host: host}
}

// call is a request on its way: header and body of the request, and the response
// being written.
type call struct {
	api      *api
	version  int16
	corr     int32
	flexible bool
	body     []byte
	// out begins with room for the size, and with the response header.
	out []byte
}

// serve answers requests until the client goes, misbehaves or ctx ends.
func (c *conn) serve(ctx context.Context) error {
	for {
		err := c.next(ctx)
		if errors.Is(err, errGone) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// next reads one request and answers it.
func (c *conn) next(ctx context.Context) error {
	size, key, err := c.readSize()
	if err != nil {
		return err
	}
	release, err := c.reserve(ctx, size)
	if err != nil {
		return err
	}
	defer release()
	in := takeBuffer(size)
	defer giveBuffer(in)
	if err := c.readBody(in, size); err != nil {
		return fmt.Errorf("read request %d of %d bytes: %w", key, size, err)
	}
	q, err := c.parse(*in)
	if err != nil {
		return err
	}
	out := takeBuffer(0)
	defer giveBuffer(out)
	q.out = begin(*out, q)
	if q.api.raw != nil {
		err = q.api.raw(c, ctx, &q)
	} else {
		err = c.answer(ctx, &q)
	}
	*out = q.out
	if err != nil {
		return fmt.Errorf("%s version %d: %w", q.api.name, q.version, err)
	}
	return nil
}

// readSize waits for a request and returns its size and API key, which are not
// yet trusted.
func (c *conn) readSize() (size int, key int16, err error) {
	if err := c.nc.SetReadDeadline(time.Now().Add(c.b.o.IdleTimeout)); err != nil {
		return 0, 0, err
	}
	head, err := c.r.Peek(6)
	if err != nil {
		if len(head) == 0 {
			return 0, 0, errGone
		}
		return 0, 0, fmt.Errorf("read request size: %w", err)
	}
	n := int32(binary.BigEndian.Uint32(head))
	key = int16(binary.BigEndian.Uint16(head[4:]))
	limit := c.b.o.MaxRequestBytes
	if key != 0 {
		limit = min(limit, maxPlainRequest)
	}
	if n < 8 || int(n) > limit {
		return 0, 0, fmt.Errorf("request %d of %d bytes: the limit is %d: %w", key, n, limit, errRequest)
	}
	_, err = c.r.Discard(4)
	return int(n), key, err
}

// reserve takes a large request's share of the memory budget.
func (c *conn) reserve(ctx context.Context, size int) (release func(), err error) {
	if size <= smallRequest {
		return func() {}, nil
	}
	if err := c.b.memory.Acquire(ctx, int64(size)); err != nil {
		return nil, err
	}
	return func() { c.b.memory.Release(int64(size)) }, nil
}

// readBody reads size bytes into buf. Memory grows with what has arrived, not
// with what was announced.
func (c *conn) readBody(buf *[]byte, size int) error {
	if err := c.nc.SetReadDeadline(time.Now().Add(transferTimeout)); err != nil {
		return err
	}
	p := (*buf)[:0]
	for len(p) < size {
		have := len(p)
		want := size
		if cap(p) < size {
			want = min(size, max(2*have, step))
		}
		if cap(p) < want {
			p = append(make([]byte, 0, want), p...)
		}
		p = p[:want]
		if _, err := io.ReadFull(c.r, p[have:]); err != nil {
			return err
		}
	}
	*buf = p
	return nil
}

// parse reads the request header in p.
func (c *conn) parse(p []byte) (call, error) {
	d := decoder{p: p}
	key := d.int16()
	q := call{version: d.int16(), corr: d.int32()}
	if id := d.nullableString(false); string(id) != c.clientID {
		c.clientID = string(id)
	}
	if d.bad {
		return q, fmt.Errorf("request header: %w", errRequest)
	}
	q.api = c.b.find(key, q.version)
	if q.api == nil && key == apiVersionsKey {
		// A newer client is told the versions in the format of version 0.
		q.api, q.version = c.b.find(key, 0), unknownVersion
		return q, nil
	}
	if q.api == nil {
		return q, fmt.Errorf("request key %d version %d is not supported: %w", key, q.version, errRequest)
	}
	q.flexible = q.version >= q.api.flexible
	if q.flexible {
		d.tags()
	}
	if d.bad {
		return q, fmt.Errorf("request header tags: %w", errRequest)
	}
	q.body = d.p
	return q, nil
}

// begin starts a response: room for its size, then its header.
func begin(out []byte, q call) []byte {
	out = append(out[:0], 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(q.corr))
	if q.flexible && q.api.key != apiVersionsKey {
		out = append(out, 0)
	}
	return out
}

// answer runs a handler on the decoded request.
func (c *conn) answer(ctx context.Context, q *call) error {
	if q.version == unknownVersion {
		q.out = c.unsupportedVersion().AppendTo(q.out)
		return c.send(q)
	}
	r := kmsg.RequestForKey(q.api.key)
	r.SetVersion(q.version)
	if err := q.decode(r); err != nil {
		return err
	}
	res, err := q.api.handle(ctx, c, r)
	if err != nil {
		return err
	}
	q.out = res.AppendTo(q.out)
	return c.send(q)
}

// decode reads the body into r, in time and memory bounded by its size.
func (q *call) decode(r kmsg.Request) error {
	if q.flexible {
		d := decoder{p: q.body}
		if q.api.layout.walk(&d, q.version); d.bad {
			return fmt.Errorf("decode: fewer bytes than announced: %w", errRequest)
		}
	}
	if err := r.ReadFrom(q.body); err != nil {
		return fmt.Errorf("decode: %w: %w", errRequest, err)
	}
	return nil
}

// send writes a complete response.
func (c *conn) send(q *call) error {
	binary.BigEndian.PutUint32(q.out, uint32(len(q.out)-4))
	if err := c.nc.SetWriteDeadline(time.Now().Add(transferTimeout)); err != nil {
		return err
	}
	_, err := c.nc.Write(q.out)
	return err
}

// sendParts writes a complete response that is not one piece: q.out is the first
// part.
func (c *conn) sendParts(q *call, parts net.Buffers, size int) error {
	binary.BigEndian.PutUint32(q.out, uint32(size-4))
	if err := c.nc.SetWriteDeadline(time.Now().Add(transferTimeout)); err != nil {
		return err
	}
	_, err := parts.WriteTo(c.nc)
	return err
}
