package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Keys of the two Secrets and of the ConfigMap.
const (
	keyCA          = "ca.crt"
	keyClientCert  = "client.crt"
	keyClientKey   = "client.key"
	keyFormerCA    = "former-ca.crt"
	keyFormerCert  = "former-client.crt"
	keyFormerKey   = "former-client.key"
	keyRegistryCA  = "registry-ca.crt"
	keyConnection  = "connection.json"
	keyConfig      = "buildkitd.toml"
	keySettings    = "settings.json"
	keyProvenance  = "provenance.json"
	connectVersion = 1
)

// Document tells a client what it cannot know otherwise without the right to list Pods.
type Document struct {
	// Version is the version of this document; a reader refuses a newer one.
	Version int `json:"version"`
	// Members are the names of the builder's Pods.
	Members []string `json:"members"`
	// Mode is one of builder.Modes.
	Mode string `json:"mode"`
	// InsecureRegistries are those that the builder reaches without verified TLS, or with plain
	// HTTP.
	InsecureRegistries []string `json:"insecureRegistries,omitempty"`
	// MaxBuilds is how many builds a member runs at once; 0 means no limit.
	MaxBuilds int32 `json:"maxBuilds,omitempty"`
	// Platforms are those that the builder was installed for; empty where it was for none.
	Platforms []builder.Native `json:"platforms,omitempty"`
}

// Connection is what a client Secret holds.
type Connection struct {
	Document
	CA         []byte
	Client     trust.Pair
	Former     *trust.Identity // nil if no member needs it
	RegistryCA []byte
}

// serverSecret holds both pairs, of which the Pod mounts only the server's. The server's Secret is
// the one truth about the certificates: two installs at once agree on whichever was created first,
// and make the client's Secret from it.
func serverSecret(spec builder.Spec, certificates *trust.Certificates) *corev1.Secret {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: objectMeta(spec, builder.ServerSecretName(spec.Name)),
		Type:       corev1.SecretTypeTLS,
		Data:       serverData(certificates),
	}
}

func serverData(certificates *trust.Certificates) map[string][]byte {
	return withFormer(certificates.Former, map[string][]byte{
		keyCA:                   certificates.CA,
		corev1.TLSCertKey:       certificates.Server.Certificate,
		corev1.TLSPrivateKeyKey: certificates.Server.Key,
		keyClientCert:           certificates.Client.Certificate,
		keyClientKey:            certificates.Client.Key,
	})
}

func clientData(certificates *trust.Certificates) map[string][]byte {
	return withFormer(certificates.Former, map[string][]byte{
		keyCA:                   certificates.CA,
		corev1.TLSCertKey:       certificates.Client.Certificate,
		corev1.TLSPrivateKeyKey: certificates.Client.Key,
	})
}

func withFormer(former *trust.Identity, data map[string][]byte) map[string][]byte {
	if former != nil {
		data[keyFormerCA], data[keyFormerCert], data[keyFormerKey] = former.CA, former.Pair.Certificate, former.Pair.Key
	}
	return data
}

func formerOf(secret *corev1.Secret) *trust.Identity {
	if len(secret.Data[keyFormerCA]) == 0 {
		return nil
	}
	return &trust.Identity{
		CA:   secret.Data[keyFormerCA],
		Pair: trust.Pair{Certificate: secret.Data[keyFormerCert], Key: secret.Data[keyFormerKey]},
	}
}

// SetCertificates puts the certificates into the two Secrets of a builder and leaves all else in
// them as it is.
func SetCertificates(server, client *corev1.Secret, certificates *trust.Certificates) {
	set := func(secret *corev1.Secret, data map[string][]byte) {
		if secret == nil {
			return
		}
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		for _, key := range []string{keyFormerCA, keyFormerCert, keyFormerKey} {
			delete(secret.Data, key)
		}
		maps.Copy(secret.Data, data)
	}
	set(server, serverData(certificates))
	set(client, clientData(certificates))
}

// Certificates reads them back from the server's Secret.
func Certificates(server *corev1.Secret) *trust.Certificates {
	return &trust.Certificates{
		CA:     server.Data[keyCA],
		Server: trust.Pair{Certificate: server.Data[corev1.TLSCertKey], Key: server.Data[corev1.TLSPrivateKeyKey]},
		Client: trust.Pair{Certificate: server.Data[keyClientCert], Key: server.Data[keyClientKey]},
		Former: formerOf(server),
	}
}

func clientSecret(spec builder.Spec, certificates *trust.Certificates) (*corev1.Secret, error) {
	document, err := json.Marshal(Document{
		Version: connectVersion, Members: spec.MemberNames(), Mode: spec.RunMode(), InsecureRegistries: spec.UnverifiedRegistries(),
		MaxBuilds: spec.MaxBuilds, Platforms: spec.Natives(),
	})
	if err != nil {
		return nil, fmt.Errorf("describing the members: %w", err)
	}
	secret := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: objectMeta(spec, builder.ClientSecretName(spec.Name)),
		Type:       corev1.SecretTypeTLS,
		Data:       clientData(certificates),
	}
	secret.Data[keyConnection] = document
	if len(spec.RegistryCA) > 0 {
		secret.Data[keyRegistryCA] = spec.RegistryCA
	}
	return secret, nil
}

// HasConnection reports whether the Secret is the client's side of a builder, whatever its labels:
// an application may have one of the same name.
func HasConnection(secret *corev1.Secret) bool {
	_, found := secret.Data[keyConnection]
	return found
}

// ReadConnection reads a client's Secret.
func ReadConnection(client *corev1.Secret) (*Connection, error) {
	connection := &Connection{
		CA:         client.Data[keyCA],
		Client:     trust.Pair{Certificate: client.Data[corev1.TLSCertKey], Key: client.Data[corev1.TLSPrivateKeyKey]},
		Former:     formerOf(client),
		RegistryCA: client.Data[keyRegistryCA],
	}
	if err := json.Unmarshal(client.Data[keyConnection], &connection.Document); err != nil {
		return nil, fmt.Errorf("reading %s of Secret %q: %w", keyConnection, client.Name, err)
	}
	if connection.Version > connectVersion {
		return nil, fmt.Errorf("reading Secret %q: it is of version %d, and this program reads up to %d",
			client.Name, connection.Version, connectVersion)
	}
	name, _ := strings.CutSuffix(client.Name, builder.ClientSecretName(""))
	if err := builder.CheckNatives(name, connection.Platforms); err != nil {
		return nil, fmt.Errorf("reading %s of Secret %q: %w", keyConnection, client.Name, err)
	}
	return connection, nil
}
