// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"
)

// offsetsBySequence answers each batch with its sequence number as offset, so that an
// answer tells to which request it belongs.
func offsetsBySequence(t *testing.T, req *kmsg.ProduceRequest) kmsg.Response {
	var b kmsg.RecordBatch
	if err := b.ReadFrom(req.Topics[0].Partitions[0].Records); err != nil {
		t.Error(err)
	}
	return produced(0, int64(b.FirstSequence))
}

func TestProducersShareAConnection(t *testing.T) {
	c := newPeer(t, 1, func(req kmsg.Request) kmsg.Response {
		if r, ok := req.(*kmsg.ProduceRequest); ok {
			return offsetsBySequence(t, r)
		}
		return nil
	}).open()
	tp := TopicPartition{Topic: "t"}
	var g errgroup.Group
	for n := range 8 {
		p := newProducer(t, c, "")
		g.Go(func() error {
			for sent := range 50 {
				p.Send(tp, texts("x"))
				if err := p.Flush(t.Context()); err != nil {
					return fmt.Errorf("producer %d: %w", n, err)
				}
				if got := p.LastOffset(tp); got != int64(sent) {
					return fmt.Errorf("producer %d has the answer %d to request %d", n, got, sent)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if len(c.produce) != 1 {
		t.Errorf("%d connections", len(c.produce))
	}
}

// login is the peer's side of SASL/PLAIN, with sessions of a lifetime.
type login struct {
	t        *testing.T
	lifetime time.Duration
	logins   atomic.Int32
}

func (l *login) answer(req kmsg.Request) kmsg.Response {
	switch r := req.(type) {
	case *kmsg.SASLHandshakeRequest:
		resp := kmsg.NewPtrSASLHandshakeResponse()
		resp.SupportedMechanisms = []string{"PLAIN"}
		return resp
	case *kmsg.SASLAuthenticateRequest:
		resp := kmsg.NewPtrSASLAuthenticateResponse()
		resp.SessionLifetimeMillis = l.lifetime.Milliseconds()
		if string(r.SASLAuthBytes) != "\x00me\x00secret" {
			resp.ErrorCode = 58 // SASL_AUTHENTICATION_FAILED
		}
		l.logins.Add(1)
		return resp
	case *kmsg.ProduceRequest:
		return offsetsBySequence(l.t, r)
	}
	return scripted(new(int64), func(int64, int32) kmsg.Response { return fetched(0, 10, batchOf(0, 9, "fetched")) })(req)
}

// secure begins a peer that is reached with TLS and a login.
func (l *login) secure() *Cluster {
	l.t.Helper()
	server := httptest.NewTLSServer(nil)
	l.t.Cleanup(server.Close)
	p := newPeer(l.t, 1, l.answer)
	p.encrypt(&tls.Config{Certificates: server.TLS.Certificates})
	s, errs := ParseSettings(map[string]string{
		"bootstrap.servers": p.Addr().String(), "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
		"sasl.jaas.config":            `PlainLoginModule required username="me" password="secret";`,
		"ssl.truststore.certificates": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
	})
	if len(errs) > 0 {
		l.t.Fatal(errs)
	}
	c, err := Open(within(l.t), s)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestProduceAndFetchWithTLSAndALogin(t *testing.T) {
	l := &login{t: t}
	c := l.secure()
	p := newProducer(t, c, "")
	tp := TopicPartition{Topic: "t"}
	p.Send(tp, texts("a", "b"))
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if p.LastOffset(tp) != 1 {
		t.Errorf("last offset %d", p.LastOffset(tp))
	}
	if got := replayed(t, c, "t", 0); !slices.Equal(got, []string{"fetched"}) {
		t.Errorf("read %q", got)
	}
}

func TestSessionIsRenewedOnTheConnection(t *testing.T) {
	l := &login{t: t, lifetime: time.Millisecond}
	c := l.secure()
	p := newProducer(t, c, "")
	flush := func() {
		t.Helper()
		p.Send(TopicPartition{Topic: "t"}, texts("a"))
		if err := p.Flush(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	line, before := c.produce[1], l.logins.Load()
	for ctx := within(t); l.logins.Load() == before && ctx.Err() == nil; {
		line.writing.Lock()
		line.greeted = time.Time{}
		line.writing.Unlock()
		flush()
	}
	if got := l.logins.Load(); got == before || c.produce[1] != line {
		t.Errorf("%d logins after %d; on the same connection: %v", got, before, c.produce[1] == line)
	}
}

func TestNoProduceToAServerThatIsNotTrusted(t *testing.T) {
	c := (&login{t: t}).secure()
	_, port, err := net.SplitHostPort(c.settings.Brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	l, err := c.newProduceLine(net.JoinHostPort("localhost", port)) // of which the certificate does not speak
	if err != nil {
		t.Fatal(err)
	}
	defer l.end()
	var invalid *tls.CertificateVerificationError
	if _, err := l.write(make([]byte, 16)); !errors.As(err, &invalid) {
		t.Errorf("write: %v", err)
	}
}

func TestThrottledLineRests(t *testing.T) {
	const throttle = 60 * time.Millisecond
	c := newPeer(t, 1, func(req kmsg.Request) kmsg.Response {
		if _, ok := req.(*kmsg.ProduceRequest); !ok {
			return nil
		}
		resp := produced(0, 0).(*kmsg.ProduceResponse)
		resp.ThrottleMillis = int32(throttle.Milliseconds())
		return resp
	}).open()
	p := newProducer(t, c, "")
	var at [2]time.Time
	for i := range at {
		p.Send(TopicPartition{Topic: "t"}, texts("a"))
		if err := p.Flush(within(t)); err != nil {
			t.Fatal(err)
		}
		at[i] = time.Now()
	}
	if d := at[1].Sub(at[0]); d < throttle/2 {
		t.Errorf("the second request came after %v", d)
	}
}

func TestFlushEndsWithAMalformedAnswer(t *testing.T) {
	for name, resp := range map[string]*kmsg.ProduceResponse{
		"longer than any answer": {Topics: make([]kmsg.ProduceResponseTopic, 1000)},
		"of nothing":             {},
	} {
		t.Run(name, func(t *testing.T) {
			c := newPeer(t, 1, func(req kmsg.Request) kmsg.Response {
				if _, ok := req.(*kmsg.ProduceRequest); !ok {
					return nil
				}
				return resp
			}).open()
			p := newProducer(t, c, "")
			p.Send(TopicPartition{Topic: "t"}, texts("a"))
			if err := p.Flush(within(t)); err == nil || isRetriable(err) {
				t.Errorf("flush: %v", err)
			}
		})
	}
}

func TestEndOfALineEndsWhatWaitsForAnAnswer(t *testing.T) {
	reached := make(chan struct{}, 2)
	release := make(chan struct{})
	peer := newPeer(t, 1, func(req kmsg.Request) kmsg.Response {
		if _, ok := req.(*kmsg.ProduceRequest); !ok {
			return nil
		}
		reached <- struct{}{}
		<-release
		return produced(0, 0)
	})
	defer close(release)
	l, err := peer.open().newProduceLine(peer.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.end()
	var w requestWriter
	req, err := w.request(&Producer{c: &Cluster{}}, flightOf(TopicPartition{Topic: "t"}))
	if err != nil {
		t.Fatal(err)
	}
	first, err := l.write(req)
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	second, err := l.write(req)
	if err != nil {
		t.Fatal(err)
	}
	var g errgroup.Group
	for _, at := range []turn{first, second} {
		g.Go(func() error {
			err := l.read(at, 100, func([]byte) (time.Duration, error) { return 0, errors.New("there is an answer") })
			if !isRetriable(err) {
				return err
			}
			return nil
		})
	}
	l.end()
	if err := g.Wait(); err != nil {
		t.Errorf("read: %v", err)
	}
	if _, err := l.write(req); !isRetriable(err) {
		t.Errorf("write afterwards: %v", err)
	}
}
