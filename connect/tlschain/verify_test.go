// SPDX-License-Identifier: Apache-2.0

package tlschain_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/connectd/connectd/connect/tlschain"
)

func TestTrustAnyName(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	own := x509.NewCertPool()
	own.AddCert(server.Certificate())
	dial := func(roots *x509.CertPool, anyName bool) error {
		conf := &tls.Config{RootCAs: roots, ServerName: "another.test"}
		if anyName {
			tlschain.TrustAnyName(conf)
		}
		c, err := tls.Dial("tcp", server.Listener.Addr().String(), conf)
		if err == nil {
			err = c.Close()
		}
		return err
	}
	var name x509.HostnameError
	if err := dial(own, false); !errors.As(err, &name) {
		t.Errorf("with the name: %v", err)
	}
	if err := dial(own, true); err != nil {
		t.Errorf("without the name: %v", err)
	}
	var unknown x509.UnknownAuthorityError
	if err := dial(x509.NewCertPool(), true); !errors.As(err, &unknown) {
		t.Errorf("of a stranger: %v", err)
	}
}
