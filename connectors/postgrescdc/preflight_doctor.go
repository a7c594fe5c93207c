// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect"
)

// leaveWithin bounds how long closing a connection may take.
const leaveWithin = 5 * time.Second

// open connects as the settings say. The caller closes by the returned function.
func open(ctx context.Context, s *settings) (*pgx.Conn, func(), error) {
	conn, err := s.openSQL(ctx, roleCatalog)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
		defer cancel()
		_ = conn.Close(ctx)
	}, nil
}

// Probe is the part of validation that needs the server: whether it can be reached with
// this user and database, whether it can replicate at all, and whether the slot's name is
// usable. It opens one connection and closes it, and changes nothing. Mistakes that
// need no server are left to Validate: with one of them Probe returns nothing. Errors
// of connecting stand at database.hostname in the words of Debezium 3.7.
func Probe(ctx context.Context, c connect.Config) connect.ConfigErrors {
	s, errs := parseSettings(c)
	if len(errs) > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Server.ConnectTimeout)
	defer cancel()
	conn, leave, err := open(ctx, s)
	if err != nil {
		return connect.ConfigErrors{hostError(s, validating+connectText(s, err))}
	}
	defer leave()
	p := &flight{s: s}
	if p.server, err = one[serverFacts](ctx, conn, serverSQL); err == nil {
		p.slot, err = findSlot(ctx, conn.PgConn(), s.Slot.Name)
	}
	if err != nil {
		return connect.ConfigErrors{hostError(s, validating+connectText(s, err))}
	}
	errs = p.probe()
	if s.Runtime.MaxTables == 0 || s.Runtime.TooManyTables != "fail" {
		return errs
	}
	tables, err := s.capturedTables(ctx, conn.PgConn())
	if err != nil {
		return append(errs, hostError(s, validating+connectText(s, err)))
	}
	if len(tables) > s.Runtime.MaxTables {
		errs = append(errs, *invalid("guardrail.collections.max", strconv.Itoa(s.Runtime.MaxTables), fmt.Sprintf("%d tables are captured", len(tables)), "narrow the filters, or raise the limit"))
	}
	return errs
}

const validating = "Error while validating connector config: "

func hostError(s *settings, text string) connect.ConfigError {
	return connect.ConfigError{Key: "database.hostname", Value: s.Server.Host, Rule: text, Text: text}
}

// probe turns what would keep every connector with these settings from starting into
// errors of keys.
func (p *flight) probe() connect.ConfigErrors {
	s := p.s
	var errs connect.ConfigErrors
	if p.server.WALLevel != "logical" {
		errs = append(errs, hostError(s, validating+"Postgres server wal_level property must be 'logical' but is: '"+p.server.WALLevel+"'"))
	}
	if !p.server.Replication {
		errs = append(errs, *invalid("database.user", s.Server.User, "the user has not the attribute REPLICATION", "a superuser can run "+p.replicationSQL(quoteIdent(s.Server.User))))
	}
	if p.slot != nil {
		if err := s.usable(p.slot); err != nil {
			errs = append(errs, *invalid("slot.name", s.Slot.Name, err.Error(), ""))
		}
	}
	return errs
}

// connectText says why there is no connection; what Debezium's driver says in words of
// its own is said in these.
func connectText(s *settings, err error) string {
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		return pg.Severity + ": " + pg.Message
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("Connection to %s:%d refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.", s.Server.Host, s.Server.Port)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer from %s within %v", s.address(), s.Server.ConnectTimeout)
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return "The connection attempt failed: " + lookup.Error()
	}
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return "the connection settings are wrong: " + errors.Unwrap(parse).Error()
	}
	return err.Error()
}

func (s *settings) address() string {
	return net.JoinHostPort(s.Server.Host, strconv.Itoa(s.Server.Port))
}

// Doctor checks a connector configuration against its server, as properties with their
// secrets resolved, and writes a report for a person to w: what was found, what follows
// from it, and the SQL that mends it. It changes nothing. fatal says that something was
// found with which the connector would not start or would lose data, a mistake in the
// configuration and a server that cannot be reached included; err is about writing the
// report, or a query that failed.
func Doctor(ctx context.Context, props map[string]string, w io.Writer) (fatal bool, err error) {
	out := &report{w: w}
	c, errs := declaration.Parse(props)
	s, more := parseSettings(c)
	if errs = append(errs, more...); len(errs) > 0 {
		for _, e := range errs {
			out.finding(finding{What: e.Key, Why: e.Error(), Fatal: true})
		}
		return out.end("the configuration")
	}
	conn, leave, err := open(ctx, s)
	if err != nil {
		out.finding(finding{What: "cannot connect to database " + s.Server.Database + " at " + s.address() + " as " + s.Server.User, Why: connectText(s, err), Fatal: true})
		return out.end(s.address())
	}
	defer leave()
	findings, err := preflight(ctx, conn, s)
	if err != nil {
		return false, fmt.Errorf("check server %s: %w", s.address(), err)
	}
	for _, f := range findings {
		out.finding(f)
	}
	return out.end("PostgreSQL " + conn.PgConn().ParameterStatus("server_version") + " at " + s.address() + ", database " + s.Server.Database + ", user " + s.Server.User)
}

// report writes findings, and remembers the first error of writing.
type report struct {
	w              io.Writer
	fatal, warning int
	err            error
}

func (r *report) printf(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.w, format, args...)
	}
}

func (r *report) finding(f finding) {
	kind := "warning"
	if f.Fatal {
		kind = "error"
		r.fatal++
	} else {
		r.warning++
	}
	r.printf("%s: %s\n  %s\n", kind, f.What, f.Why)
	if f.SQL != "" {
		r.printf("    %s\n", strings.ReplaceAll(f.SQL, "\n", "\n    "))
	}
}

// end writes the last line: what was looked at, and the numbers.
func (r *report) end(what string) (bool, error) {
	r.printf("%s: %d errors, %d warnings\n", what, r.fatal, r.warning)
	return r.fatal > 0, wrap("write report", r.err)
}
