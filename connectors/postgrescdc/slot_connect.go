// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/types"
)

// sqlConfig is how to connect for SQL.
func (s *settings) sqlConfig(r role) (*pgx.ConnConfig, error) { return s.config(r) }

// replicationConfig is how to connect for replication.
func (s *settings) replicationConfig() (*pgx.ConnConfig, error) {
	c, err := s.config(roleStream)
	if err == nil {
		c.RuntimeParams["replication"] = "database"
	}
	return c, err
}

// config makes a configuration of the settings alone: neither the environment nor files
// in the home directory have a say in what they name.
func (s *settings) config(r role) (*pgx.ConnConfig, error) {
	v := &s.Server
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			b.WriteString(name + "='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "' ")
		}
	}
	add("host", v.Host)
	add("port", strconv.Itoa(v.Port))
	add("user", v.User)
	add("password", v.Password)
	add("dbname", v.Database)
	add("sslmode", v.TLSMode)
	add("sslcert", v.Cert)
	add("sslkey", v.Key)
	add("sslpassword", v.KeyPassword)
	add("sslrootcert", v.RootCert)
	add("application_name", s.applicationName(r))
	c, err := pgx.ParseConfig(b.String())
	if err != nil {
		return nil, fmt.Errorf("read connection settings: %w", err)
	}
	if v.ConnectTimeout > 0 {
		c.ConnectTimeout = v.ConnectTimeout
	}
	c.DialFunc = dialer(v.Silence).DialContext
	c.RuntimeParams["options"] = types.Settings + s.guards(r)
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	return c, nil
}
