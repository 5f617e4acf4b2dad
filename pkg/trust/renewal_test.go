package trust_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Between the renewal of the Secrets and the restart of a member, which waits for its builds, there
// are daemons with either pair. A client with both talks to all of them; each side alone refuses
// the other.
func TestRenewalWindow(t *testing.T) {
	now := time.Now()
	old, fresh := issue(t, now.Add(-320*24*time.Hour)), issue(t, now)
	former := old.Predecessor(now)
	if former == nil {
		t.Fatal("a valid pair has no successor's memory")
	}
	both, err := trust.ClientConfig(now, fresh.CA, fresh.Client, *former)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := trust.ClientConfig(now, fresh.CA, fresh.Client)
	if err != nil {
		t.Fatal(err)
	}
	stranger := issue(t, now)
	for name, test := range map[string]struct {
		daemon   *trust.Certificates
		accepted bool
	}{"not restarted yet": {old, true}, "restarted": {fresh, true}, "another builder's": {stranger, false}} {
		clientErr, serverErr := greet(t, both, serverConfig(t, test.daemon))
		if accepted := clientErr == nil && serverErr == nil; accepted != test.accepted {
			t.Errorf("%s: accepted is %t: %v, %v", name, accepted, clientErr, serverErr)
		}
	}
	if clientErr, _ := greet(t, alone, serverConfig(t, old)); clientErr == nil {
		t.Error("without the former pair, a daemon that was not restarted is accepted")
	}
	// A copied key of before does not open a daemon that has the new certificates.
	copied, err := trust.ClientConfig(now, fresh.CA, old.Client)
	if err == nil {
		t.Errorf("the old client fits the new CA: %v", copied)
	}
	stolen := serverConfig(t, &trust.Certificates{CA: fresh.CA, Server: old.Client})
	if clientErr, serverErr := greet(t, stolen, serverConfig(t, fresh)); clientErr == nil && serverErr == nil {
		t.Error("the old client's key is accepted by the new daemon")
	}
}

func TestPredecessor(t *testing.T) {
	now := time.Now()
	valid, ended := issue(t, now), issue(t, now.Add(-trust.Lifetime-time.Hour))
	before := valid.Predecessor(now)
	for name, test := range map[string]struct {
		certificates trust.Certificates
		want         *trust.Identity
	}{
		"its own client":                {*valid, before},
		"ended":                         {*ended, nil},
		"ended, with one that has not":  {trust.Certificates{CA: ended.CA, Client: ended.Client, Former: before}, before},
		"valid, and another of before":  {trust.Certificates{CA: valid.CA, Client: valid.Client, Former: ended.Predecessor(now)}, before},
		"nothing at all":                {trust.Certificates{}, nil},
		"nothing, and one that is over": {trust.Certificates{Former: &trust.Identity{CA: ended.CA, Pair: ended.Client}}, nil},
	} {
		got := test.certificates.Predecessor(now)
		if (got == nil) != (test.want == nil) || got != nil && string(got.CA) != string(test.want.CA) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	// What has ended does not keep what is valid from being used, nor the other way round.
	if _, err := trust.ClientConfig(now, valid.CA, valid.Client, trust.Identity{CA: ended.CA, Pair: ended.Client}); err != nil {
		t.Error(err)
	}
	var unusable *trust.UnusableError
	_, err := trust.ClientConfig(now, ended.CA, ended.Client, trust.Identity{})
	if !errors.As(err, &unusable) || !unusable.Expired {
		t.Errorf("got %v", err)
	}
}

// Clocks differ: less than a day does not matter; more is named, and no reason to call it something
// else.
func TestClocks(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		issuer, client time.Duration
		validFrom      bool
		expired        bool
	}{
		"the client is 2 h behind":    {0, -2 * time.Hour, false, false},
		"the client is 2 days behind": {0, -48 * time.Hour, true, false},
		"the issuer is 3 h ahead":     {3 * time.Hour, 0, false, false},
		"the issuer is 30 h ahead":    {30 * time.Hour, 0, true, false},
		"the client is 300 d ahead":   {0, 300 * 24 * time.Hour, false, false},
		"the client is 400 d ahead":   {0, 400 * 24 * time.Hour, false, true},
	} {
		certificates := issue(t, now.Add(test.issuer))
		config, err := trust.ClientConfig(now.Add(test.client), certificates.CA, certificates.Client)
		var unusable *trust.UnusableError
		bad := errors.As(err, &unusable)
		if bad != (test.validFrom || test.expired) || bad && (unusable.Expired != test.expired || unusable.ValidFrom.IsZero() == test.validFrom) {
			t.Errorf("%s: got %+v", name, err)
		}
		if test.validFrom && certificates.Check(now.Add(test.client)) == nil {
			t.Errorf("%s: install would not issue them anew", name)
		}
		if err != nil {
			continue
		}
		// The time that the client was told is the one it checks the daemon by.
		if clientErr, serverErr := greet(t, config, serverConfig(t, certificates)); clientErr != nil || serverErr != nil {
			t.Errorf("%s: %v, %v", name, clientErr, serverErr)
		}
	}
}

func TestClientChecksTheDaemonByTheGivenTime(t *testing.T) {
	now := time.Now()
	certificates := issue(t, now.Add(-trust.Lifetime-time.Hour)) // ended by this machine's clock
	server := serverConfig(t, certificates)
	earlier := now.Add(-48 * time.Hour)
	server.Time = func() time.Time { return earlier }
	client, err := trust.ClientConfig(earlier, certificates.CA, certificates.Client)
	if err != nil {
		t.Fatal(err)
	}
	if clientErr, serverErr := greet(t, client, server); clientErr != nil || serverErr != nil {
		t.Errorf("%v, %v", clientErr, serverErr)
	}
}

func TestIssuedBy(t *testing.T) {
	now := time.Now()
	one, err := trust.Issue(now, "a")
	other, otherErr := trust.Issue(now, "a")
	if err != nil || otherErr != nil {
		t.Fatal(err, otherErr)
	}
	block, _ := pem.Decode(one.Server.Certificate)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if trust.IssuedBy(namesake(t, one.CA), leaf) {
		t.Error("the name of the CA is enough")
	}
	if !trust.IssuedBy(one.CA, leaf) || trust.IssuedBy(other.CA, leaf) || trust.IssuedBy([]byte("x"), leaf) {
		t.Errorf("own %t, other %t, none %t", trust.IssuedBy(one.CA, leaf), trust.IssuedBy(other.CA, leaf), trust.IssuedBy([]byte("x"), leaf))
	}
}

// namesake returns a CA that has the same name, and another key.
func namesake(t *testing.T, ca []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(ca)
	template, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.PublicKey = nil
	made, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
}
