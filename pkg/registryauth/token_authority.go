package registryauth

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/nacl/sign"
)

const (
	seedFile = ".kubectl-buildkit-seed"
	seedSize = 32
)

// authority returns the key pairs by which a daemon recognizes this client with
// these credentials. Every key depends on a seed that the daemon does not know:
// without it, the daemon could try passwords against the public key.
type authority struct {
	path string

	mu   sync.Mutex
	seed []byte
}

func (a *authority) publicKey(salt []byte, host string, credentials Credentials) ([]byte, error) {
	key, err := a.key(salt, host, credentials)
	if err != nil {
		return nil, err
	}
	return key[ed25519.PrivateKeySize-ed25519.PublicKeySize:], nil
}

func (a *authority) sign(payload, salt []byte, host string, credentials Credentials) ([]byte, error) {
	key, err := a.key(salt, host, credentials)
	if err != nil {
		return nil, err
	}
	private := [ed25519.PrivateKeySize]byte(key)
	return sign.Sign(nil, payload, &private), nil
}

// key returns a key that depends on the credentials, so that a user who changes
// them gets no token of the old ones. All anonymous credentials have the same key.
func (a *authority) key(salt []byte, host string, credentials Credentials) (ed25519.PrivateKey, error) {
	mac := hmac.New(sha256.New, salt)
	if credentials.Secret != "" {
		seed, err := a.load()
		if err != nil {
			return nil, err
		}
		inner := hmac.New(sha256.New, seed)
		for _, part := range []string{host, credentials.Username, credentials.Secret} {
			inner.Write([]byte(part))
			inner.Write([]byte{0})
		}
		mac.Write(inner.Sum(nil))
	}
	return ed25519.NewKeyFromSeed(mac.Sum(nil)), nil
}

// load reads the seed, and creates it the first time. If it cannot be stored, it
// and the tokens of the build last as long as the process.
func (a *authority) load() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seed != nil {
		return a.seed, nil
	}
	if seed := readSeed(a.path); seed != nil {
		a.seed = seed
		return seed, nil
	}
	fresh := make([]byte, seedSize)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	a.seed = fresh
	if stored, ok := store(a.path, fresh); ok {
		a.seed = stored
	}
	return a.seed, nil
}

// readSeed returns nil if the seed does not exist or is incomplete.
func readSeed(path string) []byte {
	if path == "" {
		return nil
	}
	seed, err := readBounded(path)
	if err != nil || len(seed) != seedSize {
		return nil
	}
	return seed
}

// store writes the seed atomically, and returns that of another process if that was
// faster. An incomplete seed of a crash or a full disk is replaced.
func store(path string, seed []byte) ([]byte, bool) {
	if path == "" {
		return nil, false
	}
	file, err := os.CreateTemp(filepath.Dir(path), seedFile+"-*")
	if err != nil {
		return nil, false
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(seed)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, false
	}
	err = os.Link(file.Name(), path)
	if !errors.Is(err, fs.ErrExist) {
		return seed, err == nil
	}
	if other := readSeed(path); other != nil {
		return other, true
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	return seed, os.Rename(file.Name(), path) == nil
}
