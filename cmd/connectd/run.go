// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/connectd/connectd/config"
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/rest"
)

// runFlags are the flags of "run".
type runFlags struct {
	file    string
	dataDir string
	strict  bool
	set     []string
}

func newRun() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [connector.json …]",
		Short: "Run the daemon",
		Long: "Runs a worker: with the embedded broker, or on the Kafka cluster that bootstrap.servers names.\n" +
			"Connector files (JSON, or the properties form of the original) are created or updated.",
		RunE: func(cmd *cobra.Command, files []string) error { return run(cmd.Context(), f, files) },
	}
	cmd.Flags().StringVarP(&f.file, "config", "c", "", "worker settings, a .properties or YAML file")
	cmd.Flags().StringVar(&f.dataDir, "data-dir", "", "where the embedded broker and local state live (data.dir)")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "take unknown worker settings for mistakes")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "one worker setting, key=value; may be repeated")
	return cmd
}

// settings loads the worker's settings; mistakes are listed in the error.
func (f runFlags) settings() (config.Settings, connect.ConfigErrors, error) {
	flags := map[string]string{}
	if f.dataDir != "" {
		flags[config.DataDir] = f.dataDir
	}
	for _, kv := range f.set {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return config.Settings{}, nil, configError("--set %s: the form is key=value", kv)
		}
		flags[k] = v
	}
	s, warnings, err := config.Load(config.Sources{File: f.file, Env: os.Environ(), Flags: flags, Strict: f.strict})
	var mistakes connect.ConfigErrors
	if errors.As(err, &mistakes) {
		return s, nil, configError("the settings have %d mistake(s):\n%w", len(mistakes), mistakes)
	}
	if err != nil {
		return s, nil, configError("%w", err)
	}
	return s, warnings, nil
}

// run is the life of the daemon.
func run(ctx context.Context, f runFlags, files []string) error {
	collectOften()
	settings, warnings, err := f.settings()
	if err != nil {
		return err
	}
	connectors, err := readConnectors(files)
	if err != nil {
		return err
	}
	levels := &rest.Levels{}
	levels.Set(settings.String(config.LogLevel))
	log := slog.New(levels.Handler(newLogger(os.Stderr, settings.String(config.LogFormat), rest.Everything).Handler()))
	for _, w := range warnings {
		log.Warn("a setting is not known", "warning", w.Error())
	}
	ctx, stop := signalContext(ctx, log)
	defer stop()
	d := &daemon{settings: settings, log: log, levels: levels, out: os.Stderr}
	if err := d.start(ctx); err != nil {
		return errors.Join(err, d.stop())
	}
	if err := d.apply(ctx, connectors); err != nil {
		return errors.Join(err, d.stop())
	}
	failed := d.wait(ctx)
	return errors.Join(failed, d.stop())
}

func readConnectors(files []string) ([]config.ConnectorFile, error) {
	var out []config.ConnectorFile
	for _, path := range files {
		c, err := config.ReadConnector(path)
		if err != nil {
			return nil, configError("%w", err)
		}
		out = append(out, c)
	}
	return out, nil
}

// signalContext ends with the first SIGTERM or SIGINT; the second one ends the
// process at once.
func signalContext(ctx context.Context, log *slog.Logger) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		select {
		case s := <-signals:
			log.Info("stopping in order; a second signal ends at once", "signal", s.String())
			cancel()
		case <-ctx.Done():
			return
		}
		<-signals
		fmt.Fprintln(os.Stderr, "connectd: ended at once by a second signal")
		os.Exit(exitFailure)
	}()
	return ctx, cancel
}

// printLines says what runs where, for people; the log has the same for machines.
func printLines(w io.Writer, lines ...string) {
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
}
