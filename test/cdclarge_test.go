// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/connectd/connectd/test/harness"
)

// largeRows is how many rows the large transaction has: 5000000 is what is promised to
// pass in bounded memory, and takes minutes.
func largeRows(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("CONNECTD_LARGE_ROWS")
	if !ok {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CONNECTD_LARGE_ROWS is %q", text)
	}
	return n
}

// memoryBound is what the daemon may take while a large transaction passes, with its
// embedded broker.
const memoryBound = 200 << 20

// TestCDCLargeTransactionInBoundedMemory passes one large transaction and looks at the
// most memory that the process ever had.
func TestCDCLargeTransactionInBoundedMemory(t *testing.T) {
	for _, mode := range []string{"off", "on"} {
		t.Run(mode, func(t *testing.T) {
			n := largeRows(t)
			pg := harness.SharedPostgres(t)
			if n < 1_000_000 { // which is more than the server keeps in memory by default
				pg.Do(fmt.Sprintf("ALTER DATABASE %q SET logical_decoding_work_mem = '1MB'", pg.DB))
			}
			w := captureItems(t, pg, harness.Config{"slot.streaming": mode, "slot.streaming.directory": t.TempDir()})
			writer := pg.Connect()
			before := readProcess(t, w.d.PID())
			began := time.Now()
			run := func(sql string) {
				if _, err := writer.Exec(context.Background(), sql); err != nil {
					t.Fatal(err)
				}
			}
			run("BEGIN")
			run(fmt.Sprintf("INSERT INTO items SELECT generate_series(4, %d)", n+3))
			written := time.Now()
			run("COMMIT")
			committed := time.Now()
			first, last := w.consume(n + 3)
			after := readProcess(t, w.d.PID())
			t.Logf("slot.streaming=%s: %d rows written in %v; first record %v and last %v after the commit (%.0f rows/s); VmHWM %d MiB (%d before), VmRSS %d MiB, CPU %v",
				mode, n, written.Sub(began).Round(time.Millisecond), first.Sub(committed).Round(time.Millisecond), last.Sub(committed).Round(time.Millisecond),
				float64(n)/last.Sub(committed).Seconds(), after.most>>20, before.most>>20, after.now>>20, after.cpu-before.cpu)
			if after.most > memoryBound && !harness.Race() {
				t.Errorf("the process had %d MiB", after.most>>20)
			}
		})
	}
}

// consume reads n items, which must come in order, and returns when the fourth and the last
// came.
func (w *itemsWorld) consume(n int) (first, last time.Time) {
	w.t.Helper()
	// The embedded broker makes its answers in memory: a small one is enough here.
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.d.Kafka), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(1<<20),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{w.topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	for got := 0; got < n; {
		ctx, cancel := context.WithTimeout(context.Background(), 2*harness.Patience)
		fetches := cl.PollFetches(ctx)
		late := ctx.Err()
		cancel()
		if late != nil {
			w.t.Fatalf("%d of %d records have come: %v", got, n, late)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got++
			if key := `{"id":` + strconv.Itoa(got) + `}`; string(r.Key) != key {
				w.t.Fatalf("record %d has the key %s, want %s", got, r.Key, key)
			}
			if got == 4 {
				first = time.Now()
			}
		})
	}
	return first, time.Now()
}

// process is what the kernel says of a process.
type process struct {
	most, now int64 // resident bytes
	cpu       time.Duration
}

func readProcess(t *testing.T, pid int) process {
	t.Helper()
	var p process
	dir := "/proc/" + strconv.Itoa(pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		for name, to := range map[string]*int64{"VmHWM:": &p.most, "VmRSS:": &p.now} {
			if !strings.HasPrefix(line, name) {
				continue
			}
			if _, err := fmt.Sscan(strings.TrimPrefix(line, name), to); err != nil {
				t.Fatal(err)
			}
			*to <<= 10
		}
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')'):]))
	for _, ticks := range fields[12:14] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(ticks)
		if err != nil {
			t.Fatal(err)
		}
		p.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	return p
}
