// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/IBM/sarama"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/tlschain"
)

// secure sets TLS and SASL by security.protocol.
func (s Settings) secure(conf *sarama.Config, c connect.Config) error {
	protocol := strings.ToUpper(c.String("security.protocol"))
	if strings.HasSuffix(protocol, "SSL") {
		t, err := tlsConfig(c)
		if err != nil {
			return err
		}
		conf.Net.TLS.Enable, conf.Net.TLS.Config = true, t
	}
	if !strings.HasPrefix(protocol, "SASL") {
		return nil
	}
	user, password, err := jaas(c.String("sasl.jaas.config"))
	if err != nil {
		return err
	}
	conf.Net.SASL.Enable, conf.Net.SASL.User, conf.Net.SASL.Password = true, user, password
	switch mechanism := strings.ToUpper(c.String("sasl.mechanism")); mechanism {
	case "PLAIN":
		conf.Net.SASL.Mechanism = sarama.SASLTypePlaintext
	default:
		conf.Net.SASL.Mechanism = sarama.SASLMechanism(mechanism)
		conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{sha512: mechanism == "SCRAM-SHA-512"} }
	}
	return nil
}

var (
	jaasUser     = regexp.MustCompile(`\busername\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]+)`)
	jaasPassword = regexp.MustCompile(`\bpassword\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]+)`)
)

// jaas reads user name and password out of the Java client's login line.
func jaas(line string) (user, password string, err error) {
	u, p := jaasUser.FindStringSubmatch(line), jaasPassword.FindStringSubmatch(line)
	if u == nil || p == nil {
		return "", "", fmt.Errorf("sasl.jaas.config must hold username=\"…\" and password=\"…\"")
	}
	return unquote(u[1]), unquote(p[1]), nil
}

func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' {
		s = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
	}
	return s
}

func tlsConfig(c connect.Config) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	trusted, err := inlineOrFile(c, "ssl.truststore.certificates", "ssl.truststore.location")
	if err != nil {
		return nil, err
	}
	if trusted != nil {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(trusted) {
			return nil, fmt.Errorf("ssl.truststore.location or ssl.truststore.certificates holds no PEM certificate")
		}
	}
	chain, err := inlineOrFile(c, "ssl.keystore.certificate.chain", "ssl.keystore.location")
	if err != nil {
		return nil, err
	}
	if chain != nil {
		key := chain
		if inline := c.String("ssl.keystore.key"); inline != "" {
			key = []byte(inline)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			return nil, fmt.Errorf("ssl.keystore.location: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if c.String("ssl.endpoint.identification.algorithm") == "" {
		tlschain.TrustAnyName(t)
	}
	return t, nil
}

func inlineOrFile(c connect.Config, inline, file string) ([]byte, error) {
	if text := c.String(inline); text != "" {
		return []byte(text), nil
	}
	path := c.String(file)
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return text, nil
}
