// SPDX-License-Identifier: Apache-2.0

// Package pgtest gives tests, benchmarks and the demo program a private
// PostgreSQL server that is set up for logical replication.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
//	func TestInsert(t *testing.T) {
//		srv := pgtest.Shared(t)
//		db := srv.Database(t)
//		srv.MustExec(t, db, "CREATE TABLE orders (id int PRIMARY KEY)")
//		conn, err := pgx.Connect(t.Context(), srv.URL(db))
//
// Shared is one server per test process, with a fresh database for each test that
// asks. Start is for those that stop, kill or configure a server.
//
// # What is started
//
// A server has its own folder, a free port of 127.0.0.1 and, where the path is
// short enough, a Unix socket in that folder; connections from the machine are
// trusted. It runs as user postgres, else nobody, when the process is root. It
// never reads or writes another cluster, and the PG* variables of the environment
// are not handed to it. wal_level is logical, 40 walsenders and slots and 20
// prepared transactions are allowed, autovacuum is off, and so is fsync unless
// Options.Fsync is set.
//
// On Linux the kernel ends the server when the process that started it dies. What
// such a process leaves in the temporary directory is removed by the next one.
//
// # Where the programs come from
//
// pg_config, the folders of Debian, Red Hat, Alpine, Homebrew and Postgres.app,
// the newest version first, and PATH. If there is none, root installs them with
// apt-get, apk, dnf or yum (on Debian without the cluster that the package would
// make), others with brew. If that fails too, the server runs in a container of
// docker or podman. A missing PostgreSQL fails a test; it is never skipped.
//
// The environment variable CONNECTD_TEST_POSTGRES_BIN names the directory of the
// programs of another version; then nothing is searched or installed.
//
// The environment variable CONNECTD_TEST_POSTGRES holds the URL of a server to use
// in place of the shared one. Its user must be a superuser, wal_level logical.
package pgtest
