// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"net"
	"sync"

	"github.com/IBM/sarama"
)

// line is a connection that can be ended while a request waits on it: the library
// holds a lock from a request to its answer, and its Close takes the same lock.
type line struct {
	*sarama.Broker
	dial func(network, addr string) (net.Conn, error)

	mu    sync.Mutex
	raw   net.Conn
	ended bool
}

// newLine begins to connect; the first request waits for that and tells a failure.
func (c *Cluster) newLine(addr string) (*line, error) {
	l := &line{Broker: sarama.NewBroker(addr)}
	conf := *c.conf
	if conf.Net.Proxy.Enable {
		l.dial = conf.Net.Proxy.Dialer.Dial
	} else {
		l.dial = (&net.Dialer{Timeout: conf.Net.DialTimeout, KeepAlive: conf.Net.KeepAlive}).Dial
	}
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, l
	if err := l.Open(&conf); err != nil {
		return nil, err
	}
	return l, nil
}

// Dial connects for the library, and remembers the connection.
func (l *line) Dial(network, addr string) (net.Conn, error) {
	raw, err := l.dial(network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	l.raw = raw
	return raw, nil
}

// end ends the connection and what waits on it, and returns when nothing reads from
// it any more. It is idempotent.
func (l *line) end() {
	l.mu.Lock()
	l.ended = true
	if l.raw != nil {
		_ = l.raw.Close()
	}
	l.mu.Unlock()
	_ = l.Close() // says only that the connection is ended already
}

// send produces behind the requests that are on the connection already, rather than
// after their answers.
func (l *line) send(req *sarama.ProduceRequest) (*sarama.ProduceResponse, error) {
	type outcome struct {
		resp *sarama.ProduceResponse
		err  error
	}
	done := make(chan outcome, 1)
	if err := l.AsyncProduce(req, func(resp *sarama.ProduceResponse, err error) { done <- outcome{resp, err} }); err != nil {
		return nil, err
	}
	o := <-done
	return o.resp, o.err
}
