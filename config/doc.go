// SPDX-License-Identifier: Apache-2.0

// Package config reads the settings of the worker: a file in Java's properties
// form or YAML, then CONNECT_… environment variables, then command line flags, each
// overriding the one before. The keys are those of Kafka Connect's standalone and
// distributed workers, whose files are accepted as they are, and a few of our own.
// Every key is declared once, in keys.go.
//
// The folder also holds connectd.properties, the commented default file, and
// connectors/, configurations that are ready to be posted.
package config
