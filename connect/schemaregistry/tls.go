// SPDX-License-Identifier: Apache-2.0

package schemaregistry

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/tlschain"
)

// tlsConfig reads the TLS settings. Stores are read in the PEM form only: others are
// refused by name.
func tlsConfig(c connect.Config) (*tls.Config, connect.ConfigErrors) {
	var errs connect.ConfigErrors
	refuse := func(key, value, rule, hint string) {
		errs = append(errs, connect.ConfigError{Key: sslPrefix + key, Value: value, Rule: rule, Hint: hint})
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	switch protocol := c.String(sslPrefix + "protocol"); strings.ToUpper(protocol) {
	case "", "TLS":
	case "TLSV1.3":
		t.MinVersion = tls.VersionTLS13
	case "TLSV1.2":
		t.MaxVersion = tls.VersionTLS12
	default:
		refuse("protocol", protocol, "must be one of TLS, TLSv1.2, TLSv1.3", "TLSv1.3")
	}
	if c.String(sslPrefix+"key.password") != "" {
		refuse("key.password", "[hidden]", "encrypted private keys are not read", "decrypt the key with openssl pkey")
	}
	if trusted := pem(c, "truststore", "truststore.certificates", refuse); trusted != nil {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(trusted) {
			refuse("truststore.location", c.String(sslPrefix+"truststore.location"), "holds no PEM certificate", "")
		}
	}
	if chain := pem(c, "keystore", "keystore.certificate.chain", refuse); chain != nil {
		key := chain
		if inline := c.String(sslPrefix + "keystore.key"); inline != "" {
			key = []byte(inline)
		}
		pair, err := tls.X509KeyPair(chain, key)
		if err != nil {
			refuse("keystore.location", c.String(sslPrefix+"keystore.location"), "holds no certificate chain with its private key", "")
		}
		t.Certificates = []tls.Certificate{pair}
	}
	if c.String(sslPrefix+"endpoint.identification.algorithm") == "" {
		tlschain.TrustAnyName(t)
	}
	return t, errs
}

// pem returns the PEM text of a store: the inline one or the file's; nil if none is set.
func pem(c connect.Config, store, inline string, refuse func(key, value, rule, hint string)) []byte {
	const hint = "convert the store with openssl pkcs12 or keytool, and set the type to PEM"
	kind := c.String(sslPrefix + store + ".type")
	path := c.String(sslPrefix + store + ".location")
	if kind != "" && !strings.EqualFold(kind, "PEM") && path != "" {
		refuse(store+".type", kind, "only PEM is read", hint)
		return nil
	}
	if text := c.String(sslPrefix + inline); text != "" {
		return []byte(text)
	}
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	switch {
	case err != nil:
		refuse(store+".location", path, "cannot be read: "+err.Error(), "")
		return nil
	case !bytes.Contains(data, []byte("-----BEGIN")):
		refuse(store+".location", path, "only PEM is read", hint)
		return nil
	}
	return data
}
