// SPDX-License-Identifier: Apache-2.0

// Command bench measures connectd, end to end and as a process of its own, beside
// what can be had without it: sarama's AsyncProducer, and bare batches on the protocol
// layer, on the same broker in the same run. A ratio of one run says more than a rate,
// because both sides had the same machine.
//
// Each scenario starts a daemon on a directory of its own with the settings that it has
// by default, feeds it, and waits until the last record is committed. What a topic
// holds is counted afterwards with another client, so that a rate of something lost or
// doubled is an error and not a number.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// sizes say how much is measured.
type sizes struct {
	lines, events, users, starts, latencies, rounds int
	rows, snapshot, singles                         int // of change data capture
}

var (
	full  = sizes{lines: 2_000_000, events: 1_000_000, users: 100_000, starts: 10, latencies: 500, rounds: 3, rows: 500_000, snapshot: 1_000_000, singles: 100_000}
	quick = sizes{lines: 100_000, events: 50_000, users: 5_000, starts: 2, latencies: 50, rounds: 1, rows: 20_000, snapshot: 20_000, singles: 500}
)

// session is one run of the program.
type session struct {
	sizes
	dir     string // removed at the end
	binary  string
	profile string // where CPU profiles go; "" for none
	report  *report
	count   int  // of the daemons of change data capture, for their directories
	peers   bool // whether change data capture is measured beside others
	// compression is the compression.type of the producers of change data capture, of
	// connectd and of Debezium alike; "" leaves it to them, which is none.
	compression string
}

// scenario is something that can be asked for by name.
type scenario struct {
	name string
	run  func(context.Context, *session) error
}

var scenarios = []scenario{
	{"start", measureStart}, {"file", measureFile}, {"sinks", measureSinks}, {"cart", measureCart}, {"latency", measureLatency},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	small := flags.Bool("quick", false, "small counts: shows that everything works, the numbers mean little")
	only := flags.String("only", "", "scenarios, separated by commas: "+names(scenarios)+"; with -cdc: "+names(cdcScenarios))
	cdc := flags.Bool("cdc", false, "change data capture, beside pg_recvlogical and, where CONNECTD_TEST_DEBEZIUM names one, Debezium")
	peers := flags.Bool("peers", true, "with -cdc: the systems on a real Kafka too, if the variables name them")
	rows := flags.Int("rows", 0, "with -cdc: narrow rows; a fifth of it are wide ones, twice as many the snapshot, a fifth single-row transactions")
	compression := flags.String("compression", "", "with -cdc: compression.type of all producers")
	rounds := flags.Int("rounds", 0, "how often a rate is measured (default 3, with -quick 1)")
	profile := flags.String("profile", "", "directory for CPU profiles of the daemon; takes some of the speed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all := scenarios
	if *cdc {
		all = cdcScenarios
	}
	chosen, err := choose(all, *only)
	if err != nil {
		return err
	}
	s := &session{sizes: full, profile: *profile, report: &report{out: out}, peers: *peers, compression: *compression}
	if *small {
		s.sizes = quick
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	if *rows > 0 {
		s.rows, s.snapshot, s.singles = *rows, 2**rows, max(*rows/5, 100)
	}
	if s.dir, err = os.MkdirTemp("", "connectd-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := s.build(ctx); err != nil {
		return err
	}
	s.report.begin(describeMachine())
	for _, sc := range chosen {
		// What the scenario before has written would else be on its way to the disk in this one.
		syscall.Sync()
		if err := sc.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
	}
	return nil
}

func names(scenarios []scenario) string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}

// choose finds the scenarios that a list names, in the order of all; "" names all.
func choose(scenarios []scenario, list string) ([]scenario, error) {
	if list == "" {
		return scenarios, nil
	}
	wanted := strings.Split(list, ",")
	for _, name := range wanted {
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name }) {
			return nil, fmt.Errorf("there is no scenario %q; there are: %s", name, names(scenarios))
		}
	}
	var chosen []scenario
	for _, s := range scenarios {
		if slices.Contains(wanted, s.name) {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

// build makes the binary that is measured.
func (s *session) build(ctx context.Context) error {
	s.binary = filepath.Join(s.dir, "connectd")
	args := []string{"build", "-o", s.binary}
	if s.profile != "" {
		overlay, err := profilingOverlay(ctx, s.dir)
		if err != nil {
			return err
		}
		if s.profile, err = filepath.Abs(s.profile); err != nil {
			return err
		}
		if err := os.MkdirAll(s.profile, 0o755); err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}
	text, err := exec.CommandContext(ctx, "go", append(args, daemonPackage)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build connectd: %w\n%s", err, text)
	}
	return nil
}
