// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
)

// signalsWorld has a table of three rows that is read only when a signal asks for it.
func signalsWorld(t *testing.T, props map[string]string) *world {
	t.Helper()
	all := map[string]string{"snapshot.mode": "no_data", "signal.poll.interval.ms": "10"}
	for k, v := range props {
		all[k] = v
	}
	return newWorld(t, "CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, 'a' FROM generate_series(1, 3) i", all)
}

const readA = `{"data-collections": ["public.a"], "type": "blocking"}`

// signalText is a signal as topics and files have it.
func signalText(kind, data string) string {
	return `{"id": "1", "type": "` + kind + `", "data": ` + data + `}`
}

// settled polls until the channels are where they should be, and everything is done.
func (r *taskRun) settled(what string, ok func(p channelPlaces) bool) {
	r.w.t.Helper()
	r.w.eventually(what, func() bool {
		b := r.poll(50*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		p := channelPlaces{}
		if c := r.task.emitter.place.channels; c != nil {
			p = *c
		}
		return ok(p)
	})
	r.ordersDone(0)
}

// signalTopic is a topic of signals on a broker of its own.
type signalTopic struct {
	t       *testing.T
	cluster *kafka.Cluster
	topic   string
}

func newSignalTopic(t *testing.T) (*signalTopic, map[string]string) {
	t.Helper()
	addr := brokertest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": addr})
	if err := errs.OrNil(); err != nil {
		t.Fatal(err)
	}
	c, err := kafka.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	st := &signalTopic{t: t, cluster: c, topic: brokertest.Topic(t, "signals")}
	if _, err := c.EnsureTopic(ctx, kafka.TopicSpec{Name: st.topic, Partitions: 1, Replication: 1}); err != nil {
		t.Fatal(err)
	}
	return st, map[string]string{"signal.enabled.channels": "source,kafka", "signal.kafka.topic": st.topic, "signal.kafka.bootstrap.servers": addr}
}

func (s *signalTopic) send(key, value string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p, err := s.cluster.NewProducer(ctx, kafka.ProducerOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	p.Send(kafka.TopicPartition{Topic: s.topic}, []kafka.Record{{Key: []byte(key), Value: []byte(value)}})
	if err := p.Flush(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func TestSignalsOfATopic(t *testing.T) {
	t.Parallel()
	topic, props := newSignalTopic(t)
	w := signalsWorld(t, props)
	topic.send("srv", `no JSON`)
	topic.send("other", signalText(signalExecute, readA))
	topic.send("srv", signalText("dance", `{}`))
	topic.send("srv", signalText(signalLog, `{"message": "`+strings.Repeat("x", 900_000)+`"}`))
	topic.send("srv", "")
	topic.send("srv", signalText(signalExecute, readA))
	r := w.start()
	r.settled("all signals are seen", func(p channelPlaces) bool { return p.Kafka.Next == 6 })
	r.stop()
	if n := len(w.ofTopic("srv.public.a")); n != 3 {
		t.Fatalf("%d rows were read, want 3", n)
	}
	topic.send("srv", signalText(signalExecute, strconv.Quote(readA)))
	r = w.start()
	defer r.stop()
	r.settled("the next signal is seen", func(p channelPlaces) bool { return p.Kafka.Next == 7 })
	if n := len(w.ofTopic("srv.public.a")); n != 6 {
		t.Errorf("%d rows were read, want 6", n)
	}
}

// TestSignalsBehindThoseOfAGroup begins where the consumer group of the original stands.
func TestSignalsBehindThoseOfAGroup(t *testing.T) {
	t.Parallel()
	topic, props := newSignalTopic(t)
	group := brokertest.Name(t, "kafka-signal")
	props["signal.kafka.groupId"] = group
	w := signalsWorld(t, props)
	topic.send("srv", signalText(signalExecute, readA))
	topic.send("srv", signalText(signalExecute, readA))
	at := kafka.TopicOffset{TopicPartition: kafka.TopicPartition{Topic: topic.topic}, Offset: 1}
	if err := topic.cluster.CommitOffsets(t.Context(), kafka.Memberless(group), []kafka.TopicOffset{at}); err != nil {
		t.Fatal(err)
	}
	r := w.start()
	defer r.stop()
	r.settled("the signals are seen", func(p channelPlaces) bool { return p.Kafka.Next == 2 })
	if n := len(w.ofTopic("srv.public.a")); n != 3 {
		t.Errorf("%d rows were read, want 3", n)
	}
}

// TestTheGroupIsToldWhatIsSafe: the group follows the committed offset, and not what is
// only read. Who has lost the offset goes on there.
func TestTheGroupIsToldWhatIsSafe(t *testing.T) {
	t.Parallel()
	topic, props := newSignalTopic(t)
	group := brokertest.Name(t, "kafka-signal")
	props["signal.kafka.groupId"] = group
	w := signalsWorld(t, props)
	stands := func() int64 {
		tp := kafka.TopicPartition{Topic: topic.topic}
		found, err := topic.cluster.GroupOffsets(t.Context(), group, []kafka.TopicPartition{tp})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			return -1
		}
		return found[0].Offset
	}
	topic.send("srv", signalText(signalExecute, readA))
	r := w.start()
	w.eventually("the signal is seen", func() bool {
		r.poll(50*time.Millisecond, 1)
		return r.task.emitter.place.channels != nil
	})
	r.stop() // nothing was committed
	if n := stands(); n != -1 {
		t.Errorf("the group stands at %d though nothing is safe", n)
	}
	r = w.start()
	r.settled("the signal is obeyed", func(p channelPlaces) bool { return p.Kafka.Next == 1 })
	w.eventually("the group is told", func() bool { return stands() == 1 })
	r.stop()
	w.stored = connect.Null()
	before := len(w.ofTopic("srv.public.a"))
	topic.send("srv", signalText(signalExecute, readA))
	r = w.start()
	defer r.stop()
	r.settled("the next signal is seen", func(p channelPlaces) bool { return p.Kafka.Next == 2 })
	if n := len(w.ofTopic("srv.public.a")) - before; n != 3 {
		t.Errorf("without an offset %d rows were read, want the 3 of the new signal", n)
	}
}

// TestSignalsOfATopicAreObeyedOnce loses what was polled and not committed.
func TestSignalsOfATopicAreObeyedOnce(t *testing.T) {
	t.Parallel()
	topic, props := newSignalTopic(t)
	w := signalsWorld(t, props)
	topic.send("srv", signalText(signalExecute, readA))
	for range 3 {
		r := w.start()
		w.eventually("the signal is seen", func() bool {
			r.poll(50*time.Millisecond, 1)
			return r.task.emitter.place.channels != nil
		})
		r.stop() // nothing was committed
	}
	r := w.start()
	w.eventually("the first row is written", func() bool {
		b := r.poll(50*time.Millisecond, 1)
		r.commit(b, len(b.Records))
		return len(w.written) > 0
	})
	r.stop()
	r = w.start()
	defer r.stop()
	r.settled("the signals are seen", func(p channelPlaces) bool { return p.Kafka.Next == 1 })
	if n := len(w.ofTopic("srv.public.a")); n != 4 {
		t.Errorf("%d rows were read, want 1 and, after the stop, 3", n)
	}
}

func TestSignalsOfAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "signals")
	w := signalsWorld(t, map[string]string{"signal.enabled.channels": "file", "signal.file": file})
	write := func(flags int, text string) {
		t.Helper()
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r := w.start()
	first := "no JSON\n\n" + signalText(signalLog, `{"message": "`+strings.Repeat("x", 10<<20)+`"}`) + "\n" + signalText(signalExecute, readA) + "\n"
	half := signalText(signalExecute, readA)
	write(os.O_APPEND, first+half[:20])
	r.settled("the file is read", func(p channelPlaces) bool { return p.File.Size == int64(len(first)) })
	if n := len(w.ofTopic("srv.public.a")); n != 3 {
		t.Errorf("%d rows were read, want 3", n)
	}
	r.stop()
	r = w.start()
	defer r.stop()
	write(os.O_APPEND, half[20:]+"\n")
	r.settled("the rest is read", func(p channelPlaces) bool { return p.File.Size == int64(len(first)+len(half)+1) })
	if n := len(w.ofTopic("srv.public.a")); n != 6 {
		t.Errorf("%d rows were read, want 6", n)
	}
	write(os.O_TRUNC, half+"\n")
	r.settled("another file is read", func(p channelPlaces) bool { return p.File.Size == int64(len(half)+1) })
	if n := len(w.ofTopic("srv.public.a")); n != 9 {
		t.Errorf("%d rows were read, want 9", n)
	}
}

func TestSignalsGivenToTheTask(t *testing.T) {
	t.Parallel()
	w := signalsWorld(t, nil)
	r := w.start()
	if err := r.task.Signal(r.ctx, connect.Signal{Type: signalLog}); !errors.As(err, new(*connect.RetriableError)) {
		t.Errorf("before the first poll: %v", err)
	}
	r.poll(time.Millisecond, 1)
	var refused *connect.SignalError
	if err := r.task.Signal(r.ctx, connect.Signal{Type: "execute-snapshots"}); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "did you mean execute-snapshot?") {
		t.Errorf("an unknown type: %v", err)
	}
	short, cancel := context.WithTimeout(r.ctx, time.Millisecond)
	defer cancel()
	if err := r.task.Signal(short, connect.Signal{Type: signalExecute, Data: readA}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a poll: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- r.task.Signal(r.ctx, connect.Signal{ID: "x", Type: signalExecute, Data: readA}) }()
	var b *connect.Batch
	w.eventually("the signal is taken", func() bool {
		b = r.poll(50*time.Millisecond, 1000)
		return r.task.emitter.place.blocking != nil
	})
	if len(done) > 0 {
		t.Fatalf("it is answered before it is committed: %v", <-done)
	}
	if len(b.Progress) != 1 {
		t.Fatalf("%d positions go out with the signal, want 1", len(b.Progress))
	}
	r.commit(b, len(b.Records))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	r.stop()
	if err := r.task.Signal(context.Background(), connect.Signal{Type: signalLog}); !errors.Is(err, errTaskStopped) {
		t.Errorf("after the stop: %v", err)
	}
	r = w.start()
	defer r.stop()
	r.ordersDone(0)
	if n := len(w.ofTopic("srv.public.a")); n != 3 {
		t.Errorf("%d rows were read, want 3", n)
	}
}

// TestStopEndsSignals stops a task for which somebody waits.
func TestStopEndsSignals(t *testing.T) {
	t.Parallel()
	w := signalsWorld(t, nil)
	r := w.start()
	r.poll(time.Millisecond, 1)
	done := make(chan error, 1)
	go func() {
		done <- r.task.Signal(context.Background(), connect.Signal{Type: signalLog, Data: `{"message": "x"}`})
	}()
	w.eventually("the signal is given", func() bool { return len(r.task.desk.fresh(0)) > 0 })
	r.stop()
	if err := <-done; !errors.Is(err, errTaskStopped) {
		t.Errorf("the answer is %v", err)
	}
}

func TestChannelPlacesInTheOffset(t *testing.T) {
	t.Parallel()
	p := place{end: 5, lsn: 5, channels: &channelPlaces{Kafka: topicPlace{"t", 7}, File: filePlace{9, "ab"}, Direct: 3}}
	p.blocking = &blocking{Requests: []blockingRequest{{ID: "1", Tables: []string{"public.a"}, Conditions: []signalCondition{{"public.a", "x"}}, Done: []string{"public.b"}}}}
	got, err := parseOffset(p.offset())
	if err != nil {
		t.Fatal(err)
	}
	if *got.channels != *p.channels || got.blocking.text() != p.blocking.text() {
		t.Errorf("got %s and %s", got.channels.text(), got.blocking.text())
	}
	text := func(member string) string { v, _ := p.offset().Get(member); return v.Str() }
	if got := []string{text(memberChannels), text(memberBlocking)}; !slices.Equal(got, []string{
		`{"kafka":{"topic":"t","next":7},"file":{"size":9,"sum":"ab"},"direct":3}`,
		`{"requests":[{"id":"1","tables":["public.a"],"conditions":[{"data-collection":"public.a","filter":"x"}],"done":["public.b"]}]}`,
	}) {
		t.Errorf("the offset has %v", got)
	}
}
