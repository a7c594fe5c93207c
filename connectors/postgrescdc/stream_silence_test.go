// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestSilence(t *testing.T) {
	t.Parallel()
	// Each look is so many milliseconds after the one before, and has read so much.
	type look struct {
		after, read int
		want        string
	}
	for _, c := range []struct {
		name    string
		allowed time.Duration
		given   int
		looks   []look
	}{
		{"asked after half of it, gone after all", 4 * time.Second, 0, []look{{1000, 0, ""}, {1000, 0, "ask"}, {1000, 0, ""}, {1000, 0, "gone"}}},
		{"an answer begins it anew", 4 * time.Second, 0, []look{{1000, 0, ""}, {1000, 0, "ask"}, {1000, 26, ""}, {1000, 26, ""}, {1000, 26, "ask"}, {2000, 26, "gone"}}},
		{"who speaks is not asked", 2 * time.Second, 0, []look{{1000, 5, ""}, {1000, 6, ""}, {1000, 7, ""}, {1000, 8, ""}}},
		{"nobody is gone unasked", time.Second, 0, []look{{2000, 0, "ask"}, {100, 0, ""}, {400, 0, "gone"}}},
		{"time without listening does not count", 4 * time.Second, 0, []look{{1000, 0, ""}, {900_000, 0, "ask"}, {1000, 0, ""}, {1000, 0, "gone"}}},
		{"twice the time after one that was given up", 4 * time.Second, 1, []look{{2000, 0, ""}, {2000, 0, "ask"}, {2000, 0, ""}, {2000, 0, "gone"}}},
		{"any time", 0, 0, []look{{1000, 0, ""}, {2000, 0, ""}, {2000, 0, ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Now()
			q := silence{given: c.given, at: 7}
			q.begin(c.allowed, 7, now)
			for i, l := range c.looks {
				now = now.Add(time.Duration(l.after) * time.Millisecond)
				ask, gone := q.look(now, int64(l.read))
				if got := map[[2]bool]string{{true, false}: "ask", {false, true}: "gone", {}: ""}[[2]bool{ask, gone}]; got != l.want {
					t.Fatalf("look %d says %q, want %q", i, got, l.want)
				}
			}
		})
	}
	q := silence{given: 3, at: 7}
	if q.begin(time.Second, 8, time.Now()); q.now != time.Second || q.given != 0 {
		t.Errorf("behind the position of the silence a connection may be silent for %s", q.now)
	}
}

// mutterer is a server whose stream says nothing of itself.
func mutterer(t *testing.T, script func(p *play), props map[string]string) *taskRun {
	t.Helper()
	w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", keySilence: "1000", "status.update.interval.ms": "100"})
	for k, v := range props {
		w.props[k] = v
	}
	w.start().stop() // makes the slot
	host, port, err := net.SplitHostPort(startHostile(t, w.srv.Addr(), script))
	if err != nil {
		t.Fatal(err)
	}
	w.props["database.hostname"], w.props["database.port"] = host, port
	return w.start()
}

func (p *play) keepalive() {
	b := binary.BigEndian.AppendUint64([]byte{frameKeepalive}, p.at)
	p.copyData(append(b, make([]byte, 9)...))
}

// TestASilentServerIsGivenUp: a peer that is gone without a word is noticed, and one that
// answers stays.
func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	var streams, asked atomic.Int32
	r := mutterer(t, func(p *play) {
		streams.Add(1)
		<-p.left
		asked.Add(p.asked.Load())
	}, nil)
	defer r.stop()
	r.w.eventually("the silent connection is given up twice", func() bool {
		r.poll(50*time.Millisecond, 10)
		return streams.Load() >= 3
	})
	if n := asked.Load(); n != 2 {
		t.Errorf("the server was asked %d times on two connections", n)
	}
}

func TestAServerThatAnswersStays(t *testing.T) {
	t.Parallel()
	var streams, answers atomic.Int32
	r := mutterer(t, func(p *play) {
		streams.Add(1)
		for tick := time.NewTicker(10 * time.Millisecond); !p.gone; {
			select {
			case <-p.left:
				return
			case <-tick.C:
			}
			if p.asked.Swap(0) > 0 {
				p.keepalive()
				answers.Add(1)
			}
		}
	}, nil)
	defer r.stop()
	r.w.eventually("the server has answered four times", func() bool {
		r.poll(50*time.Millisecond, 10)
		return answers.Load() >= 4
	})
	if n := streams.Load(); n != 1 {
		t.Errorf("a server that answers was connected to %d times", n)
	}
}

// TestAServerThatSpeaksIsNotAsked: its own keepalives are enough.
func TestAServerThatSpeaksIsNotAsked(t *testing.T) {
	t.Parallel()
	var streams, asked, spoken atomic.Int32
	r := mutterer(t, func(p *play) {
		streams.Add(1)
		for tick := time.NewTicker(100 * time.Millisecond); !p.gone; {
			select {
			case <-p.left:
				return
			case <-tick.C:
			}
			p.keepalive()
			spoken.Add(1)
			asked.Add(p.asked.Swap(0))
		}
	}, nil)
	defer r.stop()
	r.w.eventually("three times the silence that is allowed is over", func() bool {
		r.poll(50*time.Millisecond, 10)
		return spoken.Load() >= 30
	})
	if streams.Load() != 1 || asked.Load() != 0 {
		t.Errorf("it was connected to %d times and asked %d times", streams.Load(), asked.Load())
	}
}

// TestAConnectionIsRenewed: the walsender is another one after a while, and every row comes
// once; a transaction is not cut.
func TestAConnectionIsRenewed(t *testing.T) {
	t.Parallel()
	for _, streaming := range []string{streamingOff, streamingOn} {
		t.Run(streaming, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, oneTable, map[string]string{"snapshot.mode": "no_data", keyLifetime: "200", "status.update.interval.ms": "50", slotStreaming.key: streaming, keyStreamingDir: t.TempDir()})
			r := w.start()
			defer r.stop()
			pids := map[string]bool{}
			rows := 0
			for i := 0; len(pids) < 5; i++ {
				w.exec(fmt.Sprintf("INSERT INTO a SELECT g, repeat('x', 100) FROM generate_series(%d, %d) g", 1000*i+1000, 1000*i+1999))
				rows += 1000
				r.until(rows)
				w.eventually("a walsender reads the slot", func() bool {
					pid := w.scalar("SELECT coalesce(max(active_pid), 0) FROM pg_replication_slots WHERE slot_name = '" + w.props["slot.name"] + "'")
					pids[pid] = pid != "0"
					return pid != "0"
				})
				delete(pids, "0")
			}
			for i := range w.written {
				if want := fmt.Sprintf(`srv.public.a {"id":%d} c`, 1000+i); !strings.HasPrefix(line(&w.written[i]), want) {
					t.Fatalf("record %d is %s, want %s", i, line(&w.written[i]), want)
				}
			}
		})
	}
}
