package link_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// echoServer answers every byte with itself, and half-closes when the client does.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer connection.Close()
				_, _ = io.Copy(connection, connection)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

func newLink(t *testing.T, shape link.Shape) *link.Link {
	t.Helper()
	l, err := link.Listen(echoServer(t), shape)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l *link.Link) *net.TCPConn {
	t.Helper()
	connection, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection.(*net.TCPConn)
}

// ask sends a word and waits for its echo.
func ask(connection net.Conn, word string, limit time.Duration) error {
	if _, err := io.WriteString(connection, word); err != nil {
		return err
	}
	return hear(connection, word, limit)
}

func hear(connection net.Conn, word string, limit time.Duration) error {
	if err := connection.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	answer := make([]byte, len(word))
	if _, err := io.ReadFull(connection, answer); err != nil {
		return err
	}
	if string(answer) != word {
		return errors.New("the echo is " + string(answer))
	}
	return nil
}

// between checks a duration. The upper limit is generous: the machine may be busy.
func between(t *testing.T, what string, took, low, high time.Duration) {
	t.Helper()
	if took < low || took > high {
		t.Errorf("%s took %s, want %s to %s", what, took, low, high)
	}
}

const patience = 10 * time.Second

func TestDelayIsARoundTripAndOneForTheHandshake(t *testing.T) {
	const roundTrip = 100 * time.Millisecond
	l := newLink(t, link.Shape{RoundTrip: roundTrip})
	connection := dial(t, l)
	for i, want := range []time.Duration{2 * roundTrip, roundTrip, roundTrip} {
		begin := time.Now()
		if err := ask(connection, "ping", patience); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want -= 5 * time.Millisecond // the dial was a moment before
		}
		between(t, "the answer", time.Since(begin), want, want+200*time.Millisecond)
	}
	counts := l.Counts()
	if want := (link.Counts{Up: 12, Down: 12, Connections: 1, Turns: 3}); counts != want {
		t.Errorf("counted %+v, want %+v", counts, want)
	}
}

func TestRateHoldsBesideTheDelayAndForAllConnections(t *testing.T) {
	// A delay that held each piece up after the other would make it 5 s.
	const size = 1 << 20 // both connections together: 2 MiB at 32 Mbit/s are 524 ms
	l := newLink(t, link.Shape{RoundTrip: 80 * time.Millisecond, Rate: 32e6})
	payload := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	begin := time.Now()
	var both sync.WaitGroup
	for range 2 {
		connection := dial(t, l)
		both.Go(func() {
			go func() {
				_, _ = connection.Write(payload)
				_ = connection.CloseWrite()
			}()
			_ = connection.SetReadDeadline(time.Now().Add(patience))
			if echo, err := io.ReadAll(connection); err != nil || !bytes.Equal(echo, payload) {
				t.Errorf("%d bytes came back: %v", len(echo), err)
			}
		})
	}
	both.Wait()
	between(t, "the transfer", time.Since(begin), 640*time.Millisecond, 3*time.Second)
	if c := l.Counts(); c.Up != 2*size || c.Down != 2*size || c.Connections != 2 {
		t.Errorf("counted %+v", c)
	}
}

func TestHoldKeepsEverythingUntilRelease(t *testing.T) {
	l := newLink(t, link.Shape{})
	old := dial(t, l)
	if err := ask(old, "before", patience); err != nil {
		t.Fatal(err)
	}
	l.Hold()
	fresh := dial(t, l)
	for name, connection := range map[string]net.Conn{"held!": old, "new!": fresh} {
		if err := ask(connection, name, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: through the black hole came %v", name, err)
		}
	}
	l.Release()
	if err := errors.Join(hear(old, "held!", patience), hear(fresh, "new!", patience)); err != nil {
		t.Errorf("after the black hole: %v", err)
	}
}

func TestHoldHidesThatTheOtherEndClosed(t *testing.T) {
	l := newLink(t, link.Shape{})
	connection := dial(t, l)
	if err := ask(connection, "ping", patience); err != nil {
		t.Fatal(err)
	}
	l.Hold()
	if err := connection.CloseWrite(); err != nil { // the server would close in answer
		t.Fatal(err)
	}
	_ = connection.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := connection.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the black hole told of an end: %v", err)
	}
	l.Release()
	_ = connection.SetReadDeadline(time.Now().Add(patience))
	if _, err := connection.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the end did not arrive: %v", err)
	}
}

func TestSilenceSparesNewConnections(t *testing.T) {
	l := newLink(t, link.Shape{})
	old := dial(t, l)
	if err := ask(old, "before", patience); err != nil {
		t.Fatal(err)
	}
	l.Silence()
	if err := ask(old, "lost", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a silent connection gave %v", err)
	}
	if err := ask(dial(t, l), "new", patience); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestCutClosesAtOnceAndSparesNewConnections(t *testing.T) {
	l := newLink(t, link.Shape{RoundTrip: time.Minute}) // nothing may wait for what is under way
	old := dial(t, l)
	if _, err := io.WriteString(old, "under way"); err != nil {
		t.Fatal(err)
	}
	for l.Counts().Up == 0 {
		time.Sleep(time.Millisecond)
	}
	l.Cut()
	_ = old.SetReadDeadline(time.Now().Add(patience))
	if _, err := old.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a cut connection gave %v", err)
	}
	l.SetShape(link.Shape{})
	if err := ask(dial(t, l), "new", patience); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestClientSeesThatTheServerIsNotThere(t *testing.T) {
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	l, err := link.Listen(gone.Addr().String(), link.Shape{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connection, err := net.Dial("tcp", l.Address())
	if err != nil {
		return // reset already
	}
	defer connection.Close()
	_ = connection.SetReadDeadline(time.Now().Add(patience))
	if _, err := connection.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("without a server, reading gave %v", err)
	}
}

func TestTraceTellsWhatPassed(t *testing.T) {
	l := newLink(t, link.Shape{})
	var mutex sync.Mutex
	var events []link.Event
	l.Trace(func(e link.Event) {
		mutex.Lock()
		defer mutex.Unlock()
		events = append(events, e)
	})
	if err := ask(dial(t, l), "ping", patience); err != nil {
		t.Fatal(err)
	}
	mutex.Lock()
	defer mutex.Unlock()
	if len(events) != 2 || events[0].Direction != link.Up || events[1].Direction != link.Down || events[1].Bytes != 4 || events[1].Connection != 1 {
		t.Errorf("traced %+v", events)
	}
}
