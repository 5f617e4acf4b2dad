package registryauth

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tonistiigi/go-csvvalue"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// TLSContext is the TLS configuration for one registry and its token server:
// buildctl's --registry-auth-tlscontext.
type TLSContext struct {
	Host      string // as in an image's name
	CA        string // path of a PEM file; may be empty
	Cert, Key string // paths of PEM files with the client's certificate; may be empty
	Insecure  bool   // nothing is verified
}

// ParseTLSContext parses host=HOST,ca=FILE,cert=FILE,key=FILE,insecure=BOOL. The
// host may be a URL.
func ParseTLSContext(text string) (TLSContext, error) {
	var c TLSContext
	fields, err := csvvalue.Fields(text, nil)
	if err != nil {
		return c, fmt.Errorf("cannot parse the list: %w", err)
	}
	for _, field := range fields {
		key, value, pair := strings.Cut(field, "=")
		if !pair {
			return c, fmt.Errorf("%q is not key=value", field)
		}
		switch strings.ToLower(key) {
		case "host":
			c.Host = value
		case "ca":
			c.CA = value
		case "cert":
			c.Cert = value
		case "key":
			c.Key = value
		case "insecure":
			if c.Insecure, err = strconv.ParseBool(value); err != nil {
				return c, fmt.Errorf("insecure=%s is not a boolean", value)
			}
		default:
			return c, fmt.Errorf("unknown key %q", key)
		}
	}
	switch {
	case c.Host == "":
		return c, errors.New("host= is missing")
	case (c.Cert == "") != (c.Key == ""):
		return c, errors.New("cert= and key= belong together")
	case c.CA == "" && c.Cert == "" && !c.Insecure:
		return c, errors.New("a setting is missing: ca=, cert= with key=, or insecure=true")
	}
	c.Host, err = ParseHost(c.Host)
	return c, err
}

// UseTLS uses the context for its host, in place of the authorities of Trust. Several contexts for
// one host are merged.
func (c *Config) UseTLS(t TLSContext) error {
	if c.contexts == nil {
		c.contexts = map[string]*tls.Config{}
	}
	host := requestHost(t.Host)
	config := c.contexts[host]
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
		c.contexts[host] = config
	}
	if t.Insecure {
		config.InsecureSkipVerify = true
	}
	if t.CA != "" {
		text, err := safefile.Read(t.CA, maxConfig)
		if err != nil {
			return err
		}
		if config.RootCAs == nil {
			config.RootCAs = systemAuthorities()
		}
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("no PEM certificate in %s", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := loadKeyPair(t.Cert, t.Key)
		if err != nil {
			return err
		}
		config.Certificates = append(config.Certificates, pair)
	}
	return nil
}

func loadKeyPair(certificate, key string) (tls.Certificate, error) {
	chain, err := safefile.Read(certificate, maxConfig)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := safefile.Read(key, maxConfig)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(chain, private)
}
