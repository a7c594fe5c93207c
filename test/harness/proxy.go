// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Proxy stands between a daemon and one broker: clients that bootstrap from it reach
// that broker through it only, since the addresses in the broker's answers are its
// own. It makes a network that is slow at a chosen place.
type Proxy struct {
	// Addr is what clients bootstrap from.
	Addr string

	t        testing.TB
	upstream string
	before   func(key kmsg.Key)
	listener net.Listener
	wg       sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
}

// StartProxy stands before a broker until the end of the test. before is called with
// the key of each request before it is passed on, from one goroutine for each
// connection, and may hold it up; it must return when the test ends.
func StartProxy(t testing.TB, broker string, before func(key kmsg.Key)) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), t: t, upstream: broker, before: before, listener: l}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(p.close)
	return p
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.listener.Close()
	p.wg.Wait()
}

// keep remembers a connection; false after close, which has closed it.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns = append(p.conns, c)
	return true
}

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.upstream)
		if err != nil { // the broker is away, as the client will see
			client.Close()
			continue
		}
		if !p.keep(client) || !p.keep(server) {
			return
		}
		p.wg.Add(2)
		asked := &requests{kinds: map[int32]kind{}}
		go p.pass(client, server, func(frame []byte) ([]byte, error) { return frame, p.request(frame, asked) })
		go p.pass(server, client, func(frame []byte) ([]byte, error) { return p.response(frame, asked) })
	}
}

// pass copies frames until one side ends, and then ends both.
func (p *Proxy) pass(from, to net.Conn, edit func([]byte) ([]byte, error)) {
	defer p.wg.Done()
	defer from.Close()
	defer to.Close()
	for {
		var size [4]byte
		if _, err := io.ReadFull(from, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(from, frame); err != nil {
			return
		}
		frame, err := edit(frame)
		if err != nil {
			p.t.Errorf("the proxy cannot pass a frame on: %v", err)
			return
		}
		out := append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
		if _, err := to.Write(out); err != nil {
			return
		}
	}
}

// kind is what the answer to a request looks like.
type kind struct{ key, version int16 }

// requests are the requests of one connection that have no answer yet.
type requests struct {
	mu    sync.Mutex
	kinds map[int32]kind // by correlation id
}

func (p *Proxy) request(frame []byte, asked *requests) error {
	if len(frame) < 8 {
		return errors.New("a request without a header")
	}
	k := kind{int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))}
	asked.mu.Lock()
	asked.kinds[int32(binary.BigEndian.Uint32(frame[4:]))] = k
	asked.mu.Unlock()
	p.before(kmsg.Key(k.key))
	return nil
}

func (p *Proxy) response(frame []byte, asked *requests) ([]byte, error) {
	if len(frame) < 4 {
		return nil, errors.New("an answer without a header")
	}
	id := int32(binary.BigEndian.Uint32(frame))
	asked.mu.Lock()
	k := asked.kinds[id]
	delete(asked.kinds, id)
	asked.mu.Unlock()
	switch kmsg.Key(k.key) {
	case kmsg.Metadata, kmsg.FindCoordinator, kmsg.DescribeCluster:
		return p.redirect(frame, k)
	default:
		return frame, nil
	}
}

// redirect puts the proxy's address into an answer in place of the broker's.
func (p *Proxy) redirect(frame []byte, k kind) ([]byte, error) {
	resp := kmsg.ResponseForKey(k.key)
	resp.SetVersion(k.version)
	header := 4
	if resp.IsFlexible() {
		header++ // no tags
	}
	if err := resp.ReadFrom(frame[header:]); err != nil {
		return nil, fmt.Errorf("read the answer to %s: %w", kmsg.NameForKey(k.key), err)
	}
	host, port, err := p.address()
	if err != nil {
		return nil, err
	}
	switch r := resp.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = host, port
		}
	case *kmsg.FindCoordinatorResponse:
		r.Host, r.Port = host, port
		for i := range r.Coordinators {
			r.Coordinators[i].Host, r.Coordinators[i].Port = host, port
		}
	case *kmsg.DescribeClusterResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = host, port
		}
	}
	return resp.AppendTo(frame[:header:header]), nil
}

func (p *Proxy) address() (host string, port int32, err error) {
	host, text, err := net.SplitHostPort(p.Addr)
	if err != nil {
		return "", 0, err
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return host, int32(n), err
}
