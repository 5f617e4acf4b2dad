package tunnel_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func TestCarriesDataBothWays(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = echo(t)
			conn := dial(t, server, transport)
			for _, text := range []string{"hello", "again", ""} {
				if _, err := io.WriteString(conn, text); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(text))
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
					t.Fatalf("got %q, %v; want %q", got, err, text)
				}
			}
			if got := server.orders; len(got) != 2 || got[0] != "1error" && got[1] != "1error" {
				t.Errorf("streams asked for: %q; want the error stream first", got)
			}
		})
	}
}

// The server's last word in a conversation must not be lost when it hangs up right after.
func TestReadsEverythingBeforeTheEnd(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			text := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
			server.pod = listen(t, func(conn net.Conn) { _, _ = conn.Write(text) })
			conn := dial(t, server, transport)
			got, err := io.ReadAll(conn)
			if !bytes.Equal(got, text) {
				t.Errorf("read %d bytes of %d", len(got), len(text))
			}
			if lost := (*tunnel.LostError)(nil); !errors.As(err, &lost) {
				t.Errorf("the end is %v; want a LostError", err)
			}
		})
	}
}

func TestCloseUnblocksAtOnce(t *testing.T) {
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			block := make(chan struct{})
			// The node reads nothing, so that writes are stuck in the network.
			server.serve = func(_, _ httpstream.Stream) { <-block }
			defer close(block)
			conn := dial(t, server, transport)
			reads, writes := make(chan error, 1), make(chan error, 1)
			go func() { _, err := conn.Read(make([]byte, 1)); reads <- err }()
			go func() { _, err := conn.Write(make([]byte, 64<<20)); writes <- err }()
			time.Sleep(50 * time.Millisecond) // until both are stuck, as a rule
			// Half of what the last bytes may take to be sent, which Close does not wait for.
			within(t, 500*time.Millisecond, "Close and what it unblocks", func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
				for _, err := range []error{<-reads, <-writes} {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("got %v; want net.ErrClosed", err)
					}
				}
			})
		})
	}
}

// What was written before Close still goes out on the wire; only the raw connection shows it, for a
// SPDY server drops what it has not passed on when its connection ends.
func TestCloseSendsWhatWasWritten(t *testing.T) {
	server := newServer(t)
	received := make(chan []byte, 1)
	server.refuse = func(w http.ResponseWriter, _ *http.Request) {
		link, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = link.Close() }()
		_, _ = io.WriteString(link, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
		text, _ := io.ReadAll(link)
		received <- text
	}
	conn := dial(t, server, tunnel.SPDY)
	large := bytes.Repeat([]byte("x"), 100<<10)
	for _, text := range [][]byte{large, []byte("goodbye")} {
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.Close()
	select {
	case text := <-received:
		if !bytes.HasSuffix(text, []byte("goodbye")) || bytes.Count(text, []byte("x")) < len(large) {
			t.Errorf("%d bytes arrived, ending in %q", len(text), text[max(0, len(text)-20):])
		}
	case <-time.After(5 * time.Second):
		t.Error("the connection was not closed")
	}
}

func TestDeadlines(t *testing.T) {
	server := newServer(t)
	block := make(chan struct{})
	server.serve = func(_, _ httpstream.Stream) { <-block }
	defer close(block)
	conn := dial(t, server, tunnel.SPDY)

	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	within(t, 10*time.Second, "Read", func() {
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	within(t, 10*time.Second, "Write", func() {
		if _, err := conn.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	// A blocked Read notices a deadline that is set later, and a moved one lets it go on.
	_ = conn.SetReadDeadline(time.Time{})
	result := make(chan error, 1)
	go func() { _, err := conn.Read(make([]byte, 1)); result <- err }()
	select {
	case err := <-result:
		t.Errorf("Read returns %v without a deadline", err)
	case <-time.After(50 * time.Millisecond):
	}
	_ = conn.SetDeadline(time.Now())
	if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestLargeTransfer(t *testing.T) {
	const size = 24 << 20
	for _, transport := range portForwards() {
		t.Run(string(transport), func(t *testing.T) {
			server := newServer(t)
			server.pod = echo(t)
			conn := dial(t, server, transport)
			sent, got := sha256.New(), sha256.New()
			go func() {
				source := rand.NewChaCha8([32]byte{1})
				buffer := make([]byte, 100<<10)
				for left := size; left > 0; {
					piece := buffer[:min(left, 1+rand.IntN(len(buffer)))]
					_, _ = source.Read(piece)
					sent.Write(piece)
					if _, err := conn.Write(piece); err != nil {
						t.Errorf("writing: %v", err)
						return
					}
					left -= len(piece)
				}
			}()
			if _, err := io.CopyN(got, conn, size); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
				t.Error("what came back is not what was sent")
			}
		})
	}
}
