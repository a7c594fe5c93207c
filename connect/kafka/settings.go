// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect"
)

// Settings are the settings of a Kafka client, decoded from the properties of the
// Java client. They are immutable; String hides secrets.
type Settings struct {
	Brokers                               []string
	ClientID                              string
	RequestTimeout                        time.Duration
	MetadataMaxAge                        time.Duration
	MaxRequestSize                        int
	FetchMaxBytes, MaxPartitionFetchBytes int32
	Isolation                             Isolation
	// AutoOffsetReset is earliest, latest or none.
	AutoOffsetReset string

	codec codec
	props map[string]string
}

var keys = connect.Define(
	connect.ConfigKey{Name: "bootstrap.servers", Type: connect.TypeConfigList, Required: true, Check: connect.NonEmpty, Doc: "Brokers to begin with."},
	connect.ConfigKey{Name: "client.id", Type: connect.TypeConfigString, Default: "connectd", Doc: "Name of the client in the brokers' logs and quotas."},
	connect.ConfigKey{Name: "request.timeout.ms", Type: connect.TypeConfigInt, Default: "30000", Check: connect.AtLeast(1), Doc: "How long an answer may take."},
	connect.ConfigKey{Name: "metadata.max.age.ms", Type: connect.TypeConfigLong, Default: "300000", Check: connect.AtLeast(1), Doc: "How often metadata is looked up anew."},
	connect.ConfigKey{Name: "max.request.size", Type: connect.TypeConfigInt, Default: "1048576", Check: connect.AtLeast(1024), Doc: "Bytes of a batch at most."},
	connect.ConfigKey{Name: "compression.type", Type: connect.TypeConfigString, Default: "none", Check: connect.OneOf(codecNames...), Doc: "Compression of batches."},
	connect.ConfigKey{Name: "fetch.max.bytes", Type: connect.TypeConfigInt, Default: "16777216", Check: connect.AtLeast(1), Doc: "Bytes of an answer at most."},
	connect.ConfigKey{Name: "max.partition.fetch.bytes", Type: connect.TypeConfigInt, Default: "1048576", Check: connect.AtLeast(1), Doc: "Bytes of a partition in an answer."},
	connect.ConfigKey{Name: "isolation.level", Type: connect.TypeConfigString, Default: "read_committed", Check: connect.OneOf("read_committed", "read_uncommitted"), Doc: "What readers see."},
	connect.ConfigKey{Name: "auto.offset.reset", Type: connect.TypeConfigString, Default: "earliest", Check: connect.OneOf("earliest", "latest", "none"), Doc: "Where to begin without an offset."},
	connect.ConfigKey{Name: "security.protocol", Type: connect.TypeConfigString, Default: "PLAINTEXT", Check: connect.OneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), Doc: "Encryption and authentication."},
	connect.ConfigKey{Name: "sasl.mechanism", Type: connect.TypeConfigString, Default: "PLAIN", Check: connect.OneOf("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"), Doc: "How to authenticate."},
	connect.ConfigKey{Name: "sasl.jaas.config", Type: connect.TypeConfigPassword, Null: true, Doc: "User name and password, in the form of the Java client."},
	connect.ConfigKey{Name: "ssl.truststore.type", Type: connect.TypeConfigString, Default: "PEM", Check: isPEM, Doc: "Form of the truststore."},
	connect.ConfigKey{Name: "ssl.truststore.location", Type: connect.TypeConfigString, Null: true, Doc: "File with the certificates to trust."},
	connect.ConfigKey{Name: "ssl.truststore.certificates", Type: connect.TypeConfigPassword, Null: true, Doc: "The certificates to trust, inline."},
	connect.ConfigKey{Name: "ssl.keystore.type", Type: connect.TypeConfigString, Default: "PEM", Check: isPEM, Doc: "Form of the keystore."},
	connect.ConfigKey{Name: "ssl.keystore.location", Type: connect.TypeConfigString, Null: true, Doc: "File with certificate chain and private key."},
	connect.ConfigKey{Name: "ssl.keystore.certificate.chain", Type: connect.TypeConfigPassword, Null: true, Doc: "Certificate chain, inline."},
	connect.ConfigKey{Name: "ssl.keystore.key", Type: connect.TypeConfigPassword, Null: true, Doc: "Private key, inline."},
	connect.ConfigKey{Name: "ssl.endpoint.identification.algorithm", Type: connect.TypeConfigString, Default: "https", Doc: "Empty does not check the name of the server."},
)

func isPEM(v any) (rule, hint string) {
	if v == "PEM" {
		return "", ""
	}
	return "Only PEM is read", "convert the store with openssl pkcs12 or keytool, and set the type to PEM"
}

// ParseSettings decodes client properties. Properties that no key declares are left
// alone, as the Java client does.
func ParseSettings(props map[string]string) (Settings, connect.ConfigErrors) {
	c, errs := keys.Parse(props)
	s := Settings{
		Brokers: c.List("bootstrap.servers"), ClientID: c.String("client.id"), RequestTimeout: c.Millis("request.timeout.ms"),
		MetadataMaxAge: c.Millis("metadata.max.age.ms"), MaxRequestSize: c.Int("max.request.size"), FetchMaxBytes: int32(c.Int("fetch.max.bytes")),
		MaxPartitionFetchBytes: int32(c.Int("max.partition.fetch.bytes")), AutoOffsetReset: strings.ToLower(c.String("auto.offset.reset")), props: maps.Clone(props),
	}
	if s.ClientID == "" {
		s.ClientID = "connectd"
	}
	if strings.EqualFold(c.String("isolation.level"), "read_uncommitted") {
		s.Isolation = ReadUncommitted
	}
	s.codec = codec(max(0, slices.Index(codecNames, strings.ToLower(c.String("compression.type")))))
	if len(errs) == 0 {
		if _, err := s.sarama(); err != nil {
			errs = append(errs, connect.ConfigError{Key: "security.protocol", Value: c.String("security.protocol"), Rule: err.Error()})
		}
	}
	return s, errs
}

// Fingerprint is equal for settings that can share connections.
func (s Settings) Fingerprint() string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(s.props)) {
		fmt.Fprintf(h, "%q=%q\n", k, s.props[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// String names the brokers, and no secret.
func (s Settings) String() string { return "brokers " + strings.Join(s.Brokers, ",") }

// sarama makes the configuration of the library.
func (s Settings) sarama() (*sarama.Config, error) {
	c, _ := keys.Parse(s.props)
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.ClientID = s.ClientID
	conf.Net.ReadTimeout = s.RequestTimeout + 30*time.Second // a long poll or a join is no time-out
	conf.Net.WriteTimeout, conf.Net.DialTimeout = s.RequestTimeout, min(s.RequestTimeout, 10*time.Second)
	conf.Net.MaxOpenRequests = 64
	conf.Metadata.RefreshFrequency = s.MetadataMaxAge
	conf.Metadata.Full = true
	conf.Metadata.AllowAutoTopicCreation = false
	conf.Metadata.Retry.Max, conf.Metadata.Retry.Backoff = 3, 50*time.Millisecond
	conf.Admin.Timeout = s.RequestTimeout
	if err := s.secure(conf, c); err != nil {
		return nil, err
	}
	return conf, nil
}
