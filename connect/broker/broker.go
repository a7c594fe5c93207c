// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/connectd/connectd/connect/backoff"
	"github.com/connectd/connectd/connect/broker/group"
	"github.com/connectd/connectd/connect/broker/store"
)

// nodeID is the id of the one broker of the cluster.
const nodeID = 1

// Options configure a Broker. Only Dir is required.
type Options struct {
	// Listen is the address to accept connections on; default 127.0.0.1:9092.
	// Port 0 picks a free one.
	Listen string
	// Advertise is the host:port that clients are told to connect to. When
	// empty, it is the address that the asking client has connected to.
	Advertise string
	// Dir keeps the data; see store.Options.
	Dir string
	// Store holds further settings of the store. Its Dir, Now and Log are taken
	// from here.
	Store store.Options
	// Log receives what an operator must know; discarded when nil.
	Log *slog.Logger
	// Now is the clock of all time-outs, retention and expiry; time.Now when nil.
	Now func() time.Time
	// NoAutoCreate refuses to create topics that a client asks metadata for.
	NoAutoCreate bool
	// Partitions is the number that topics get when the creator names none;
	// default 1.
	Partitions int32
	// OffsetsRetention is how long the offsets of a group without members are
	// kept; default 7 days.
	OffsetsRetention time.Duration
	// MaxConnections bounds the clients; default 1,000.
	MaxConnections int
	// IdleTimeout closes connections without requests; default 10 minutes.
	IdleTimeout time.Duration
	// MaxRequestBytes bounds a request; default 100 MiB.
	MaxRequestBytes int
	// Groups holds settings of the group coordinator. Its Now is taken from
	// here.
	Groups group.Options
}

func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:9092"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Partitions <= 0 {
		o.Partitions = 1
	}
	if o.OffsetsRetention == 0 {
		o.OffsetsRetention = 7 * 24 * time.Hour
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 1_000
	}
	if o.IdleTimeout == 0 {
		o.IdleTimeout = 10 * time.Minute
	}
	if o.MaxRequestBytes == 0 {
		o.MaxRequestBytes = 100 << 20
	}
	o.Store.Dir, o.Store.Now, o.Store.Log = o.Dir, o.Now, o.Log
	o.Groups.Now = o.Now
	return o
}

// Broker is a running broker. Its methods may be called concurrently.
type Broker struct {
	o       Options
	store   *store.Store
	groups  *group.Coordinator
	apis    []api
	memory  *semaphore.Weighted // bytes of large requests being read or handled
	ln      net.Listener
	started time.Time

	stop   context.CancelFunc
	tasks  sync.WaitGroup
	closed sync.Once
	err    error // of Close

	// configMu makes reading and writing back a topic's configs one step.
	configMu sync.Mutex

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil after Close
}

// Start opens the data directory and returns when connections are accepted. ctx
// bounds starting only. Errors are those of store.Open and of listening.
func Start(ctx context.Context, o Options) (*Broker, error) {
	o = o.withDefaults()
	st, err := store.Open(ctx, o.Store)
	if err != nil {
		return nil, fmt.Errorf("open broker data in %s: %w", o.Dir, err)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for broker clients on %s: %w", o.Listen, err), st.Close())
	}
	b := &Broker{
		o: o, store: st, groups: group.New(o.Groups), apis: apis(), ln: ln, started: o.Now(),
		memory: semaphore.NewWeighted(int64(4 * o.MaxRequestBytes)),
		conns:  map[net.Conn]struct{}{},
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	b.tasks.Go(func() { b.accept(life) })
	b.tasks.Go(func() { b.keepTime(life) })
	return b, nil
}

// Addr is the address that the broker listens on, as host:port.
func (b *Broker) Addr() string { return b.ln.Addr().String() }

// Failed is closed when the broker can no longer store anything; Err tells why.
func (b *Broker) Failed() <-chan struct{} { return b.store.Failed() }

// Err is the reason of the failure, nil while the broker works.
func (b *Broker) Err() error { return b.store.Err() }

// Stats counts what the store holds.
func (b *Broker) Stats() store.Stats { return b.store.Stats() }

// Close closes all connections, ends open transactions by abort and releases the
// directory. It is idempotent and returns the first error.
func (b *Broker) Close() error {
	b.closed.Do(func() {
		b.stop()
		err := b.ln.Close()
		b.mu.Lock()
		for c := range b.conns {
			_ = c.Close() // the client's end of it is lost either way
		}
		b.conns = nil
		b.mu.Unlock()
		b.tasks.Wait()
		b.err = errors.Join(err, b.store.Close())
	})
	return b.err
}

// accept serves each client in a goroutine of its own until the listener closes.
func (b *Broker) accept(ctx context.Context) {
	for {
		nc, err := b.ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = nc.Close() // came in while closing
			}
			return
		}
		if err != nil {
			// Out of descriptors, mostly: others may be freed soon.
			b.o.Log.Warn("accept broker client", "err", err)
			backoff.Wait(ctx, 50*time.Millisecond)
			continue
		}
		if !b.register(nc) {
			_ = nc.Close() // the client sees the end of the connection
			continue
		}
		b.tasks.Go(func() {
			defer b.unregister(nc)
			c := newConn(b, nc)
			if err := c.serve(ctx); err != nil {
				b.o.Log.Debug("broker connection closed", "client", nc.RemoteAddr().String(), "err", err)
			}
		})
	}
}

func (b *Broker) register(nc net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns == nil {
		return false
	}
	if len(b.conns) >= b.o.MaxConnections {
		b.o.Log.Warn("broker connection refused: too many", "limit", b.o.MaxConnections, "client", nc.RemoteAddr().String())
		return false
	}
	b.conns[nc] = struct{}{}
	return true
}

func (b *Broker) unregister(nc net.Conn) {
	_ = nc.Close() // nothing more is written to it
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, nc)
}

// endpoint is what a client is told to connect to.
func (b *Broker) endpoint(c *conn) (host string, port int32) {
	addr := b.o.Advertise
	if addr == "" {
		addr = c.nc.LocalAddr().String()
	}
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	n, err := strconv.ParseInt(p, 10, 32)
	if err != nil {
		return host, 0
	}
	return host, int32(n)
}
