// SPDX-License-Identifier: Apache-2.0

package tlschain

import (
	"crypto/tls"
	"crypto/x509"
)

// TrustAnyName has conf verify the chain of a server's certificate up to conf.RootCAs (nil:
// those of the system), but not the server's name, as Java's clients do with an empty
// ssl.endpoint.identification.algorithm. RootCAs must be set before.
func TrustAnyName(conf *tls.Config) {
	roots := conf.RootCAs
	conf.InsecureSkipVerify = true // the name; what follows verifies the chain
	conf.VerifyConnection = func(cs tls.ConnectionState) error {
		opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, cert := range cs.PeerCertificates[1:] {
			opts.Intermediates.AddCert(cert)
		}
		_, err := cs.PeerCertificates[0].Verify(opts)
		return err
	}
}
