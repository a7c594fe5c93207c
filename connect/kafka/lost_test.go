// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// lossy dials connections that can lose the answer to a request that was carried out.
type lossy struct {
	key  atomic.Int32 // the protocol's number of the request; -1 for none
	lost atomic.Int32
}

func (l *lossy) Dial(network, addr string) (net.Conn, error) {
	raw, err := net.Dial(network, addr)
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: raw, l: l}, nil
}

type lossyConn struct {
	net.Conn
	l    *lossy
	lose atomic.Bool
}

func (c *lossyConn) Write(b []byte) (int, error) {
	if len(b) >= 6 {
		key := int32(binary.BigEndian.Uint16(b[4:]))
		if c.l.key.CompareAndSwap(key, -1) {
			c.lose.Store(true)
		}
	}
	return c.Conn.Write(b)
}

func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.lose.Load() {
		c.l.lost.Add(1)
		_ = c.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

func openLossy(t *testing.T) (*Cluster, *lossy) {
	t.Helper()
	s, errs := ParseSettings(map[string]string{"bootstrap.servers": brokertest.Start(t)})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	conf, err := s.sarama()
	if err != nil {
		t.Fatal(err)
	}
	l := &lossy{}
	l.key.Store(-1)
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, l
	client, err := sarama.NewClient(s.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{settings: s, conf: conf, client: client, produce: map[int32]*produceLine{}, counts: map[string]int32{}}
	t.Cleanup(func() { _ = c.Close() })
	return c, l
}

func TestLostAnswersNeitherLoseNorDouble(t *testing.T) {
	for name, key := range map[string]int32{"Produce": 0, "InitProducerId": 22, "AddPartitionsToTxn": 24, "AddOffsetsToTxn": 25, "EndTxn": 26, "TxnOffsetCommit": 28} {
		t.Run(name, func(t *testing.T) {
			c, l := openLossy(t)
			topic, group := newTopic(t, c, 1), brokertest.Name(t, "group")
			tp := TopicPartition{Topic: topic}
			ctx := within(t)
			l.key.Store(key)
			p := newProducer(t, c, brokertest.Name(t, "txn"))
			for i, v := range []string{"first", "second"} {
				p.Send(tp, texts(v))
				err := errors.Join(p.Flush(ctx), p.SendOffsets(ctx, Memberless(group), []TopicOffset{{TopicPartition: tp, Offset: int64(i + 1)}}), p.Commit(ctx))
				if err != nil {
					t.Fatalf("transaction %d: %v", i, err)
				}
			}
			if l.lost.Load() != 1 {
				t.Fatalf("%d answers were lost, not one", l.lost.Load())
			}
			if got := replayed(t, c, topic, 0); !slices.Equal(got, []string{"first", "second"}) {
				t.Errorf("visible: %q", got)
			}
			if got, err := c.GroupOffsets(ctx, group, nil); err != nil || len(got) != 1 || got[0].Offset != 2 {
				t.Errorf("offsets: %v, %v", got, err)
			}
		})
	}
}

// A request whose answer was lost may still be on its way: it must not end the next
// transaction, so the next one has another epoch.
func TestLostEndTxnAnswerChangesTheEpoch(t *testing.T) {
	c, l := openLossy(t)
	tp := TopicPartition{Topic: newTopic(t, c, 1)}
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	ctx := within(t)
	p.Send(tp, texts("first"))
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	before := p.epoch
	l.key.Store(26)
	if err := p.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	p.Send(tp, texts("second"))
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if p.epoch == before {
		t.Errorf("the second transaction has epoch %d too", before)
	}
}

func TestCloseDoesNotWaitForALongPoll(t *testing.T) {
	c := openCluster(t)
	f := c.NewFetcher(FetcherOptions{MaxWait: 10 * time.Second})
	f.Assign(TopicOffset{TopicPartition: TopicPartition{Topic: newTopic(t, c, 1)}})
	short, cancel := context.WithTimeout(within(t), 200*time.Millisecond)
	defer cancel()
	if runs, err := f.Poll(short); err != nil || len(runs) > 0 {
		t.Fatalf("an empty topic gave %v, %v", runs, err)
	}
	start := time.Now()
	f.Close()
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("Close took %v", d)
	}
}
