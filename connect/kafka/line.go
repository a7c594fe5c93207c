// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// line is a connection that can be ended while a request waits on it: the library
// holds a lock from a request to its answer, and its Close takes the same lock.
type line struct {
	*sarama.Broker
	dial      func(network, addr string) (net.Conn, error)
	encrypt   *tls.Config // nil for a connection in the clear
	handshake time.Duration

	mu    sync.Mutex
	raw   net.Conn
	ended bool

	conn net.Conn // raw, or its encryption; set once the library has opened the connection
}

// newLine begins to connect; the first request waits for that and tells a failure.
func (c *Cluster) newLine(addr string) (*line, error) {
	conf := *c.conf
	l := &line{Broker: sarama.NewBroker(addr), handshake: conf.Net.WriteTimeout}
	if conf.Net.TLS.Enable {
		l.encrypt = conf.Net.TLS.Config
		conf.Net.TLS.Enable, conf.Net.TLS.Config = false, nil // Dial does it
	}
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
	if l.ended {
		l.mu.Unlock()
		_ = raw.Close()
		return nil, net.ErrClosed
	}
	l.raw = raw
	l.mu.Unlock()
	if l.conn, err = l.encrypted(raw, addr); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return l.conn, nil
}

// encrypted shakes hands if the connection is to be encrypted.
func (l *line) encrypted(raw net.Conn, addr string) (net.Conn, error) {
	if l.encrypt == nil {
		return raw, nil
	}
	conf := l.encrypt.Clone()
	if conf.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		conf.ServerName = host
	}
	if err := raw.SetDeadline(time.Now().Add(l.handshake)); err != nil {
		return nil, err
	}
	secure := tls.Client(raw, conf)
	if err := secure.Handshake(); err != nil {
		return nil, err
	}
	return secure, raw.SetDeadline(time.Time{})
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
