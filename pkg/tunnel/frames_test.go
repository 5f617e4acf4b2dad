package tunnel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/spdystream/spdy"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// wire is a link whose other side sends what is to be read, and takes everything.
type wire struct {
	io.Reader
	read   atomic.Int64 // bytes
	once   sync.Once
	closed chan struct{}
}

func newWire(incoming io.Reader) *wire { return &wire{Reader: incoming, closed: make(chan struct{})} }

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.read.Add(int64(n))
	return n, err
}

func (w *wire) Write(p []byte) (int, error) { return len(p), nil }

func (w *wire) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

// frames are as a node sends them.
func frames(t testing.TB, all ...spdy.Frame) []byte {
	var sent bytes.Buffer
	framer, err := spdy.NewFramer(&sent, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range all {
		if err := framer.WriteFrame(frame); err != nil {
			t.Fatal(err)
		}
	}
	return sent.Bytes()
}

func saying(stream spdy.StreamId, text string) *spdy.DataFrame {
	return &spdy.DataFrame{StreamId: stream, Data: []byte(text)}
}

// FuzzFrames is about a node, or an API server in its place, that sends anything at all: what
// belongs to the connection is read, then comes a typed end, and the link is closed.
func FuzzFrames(f *testing.F) {
	reply := func(stream spdy.StreamId) spdy.Frame {
		return &spdy.SynReplyFrame{StreamId: stream, Headers: http.Header{"a": {"b"}}}
	}
	reset := &spdy.RstStreamFrame{StreamId: dataStream, Status: spdy.Cancel}
	last := saying(dataStream, "bye")
	last.Flags = spdy.DataFlagFin
	whole := frames(f, reply(errorStream), reply(dataStream), &spdy.PingFrame{Id: 1}, &spdy.PingFrame{Id: 2}, saying(dataStream, "hello"), last)
	for _, seed := range [][]byte{
		{}, whole, whole[:len(whole)-2],
		frames(f, saying(errorStream, "dial tcp4 127.0.0.1:1234: connect: connection refused"), reset),
		frames(f, saying(dataStream, "a"), &spdy.GoAwayFrame{LastGoodStreamId: 3}, saying(dataStream, "b")),
		frames(f, &spdy.SettingsFrame{FlagIdValues: []spdy.SettingsFlagIdValue{{Id: spdy.SettingsInitialWindowSize, Value: 1}}},
			&spdy.WindowUpdateFrame{StreamId: dataStream, DeltaWindowSize: 1}, &spdy.HeadersFrame{StreamId: dataStream}, saying(7, "unknown")),
		[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		link := newWire(bytes.NewReader(sent))
		c, err := forward(link, Target{Namespace: "team", Pod: "buildkitd", Port: 1234})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		var lost *LostError
		var refused *ConnRefusedError
		if !errors.As(err, &lost) && !errors.As(err, &refused) {
			t.Errorf("the end is %v", err)
		}
		data, words := contents(sent)
		if !bytes.HasPrefix(data, got) || len(words) == 0 && len(got) < len(data) {
			t.Errorf("read %q of %q, the node's words being %q", got, data, words)
		}
		select {
		case <-link.closed:
		case <-time.After(10 * time.Second):
			t.Error("the link stays open")
		}
	})
}

// What arrived before the loss is there to be read after it, a little at a time.
func TestReadsWhatCameBeforeTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := saying(dataStream, "words")
		last.Flags = spdy.DataFlagFin
		link := newWire(bytes.NewReader(frames(t, saying(dataStream, "last "), last)))
		conn, err := forward(link, Target{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the link has ended
		var got []byte
		for err == nil {
			var n int
			piece := make([]byte, 3)
			n, err = conn.Read(piece)
			got = append(got, piece[:n]...)
		}
		if lost := (*LostError)(nil); string(got) != "last words" || !errors.As(err, &lost) {
			t.Errorf("got %q, then %v", got, err)
		}
	})
}

// contents are the data and the words in what a node sends, up to what is not a frame.
func contents(sent []byte) (data, words []byte) {
	framer, err := spdy.NewFramer(io.Discard, bytes.NewReader(sent))
	for err == nil {
		var frame spdy.Frame
		if frame, err = framer.ReadFrame(); err != nil {
			break
		}
		switch piece, _ := frame.(*spdy.DataFrame); {
		case piece == nil:
		case piece.StreamId == dataStream:
			data = append(data, piece.Data...)
		case piece.StreamId == errorStream:
			words = append(words, piece.Data...)
		}
	}
	return data, words
}

// FuzzAnswer is about a peer that answers a dial without a tunnel: an API server's Status, or any
// page of a proxy's.
func FuzzAnswer(f *testing.F) {
	f.Add(403, []byte(`{"kind":"Status","code":403,"reason":"Forbidden","message":"pods \"b\" is forbidden: User \"u\" cannot create resource \"pods/portforward\""}`))
	f.Add(404, []byte(`{"kind":"Status","code":404,"reason":"NotFound","details":{"causes":[{}]}}`))
	f.Add(502, []byte("<html>Bad Gateway</html>"))
	f.Add(500, []byte(`is forbidden: User "u" cannot  get`))
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		answer := refusal(&http.Response{StatusCode: code, Status: http.StatusText(code), Body: io.NopCloser(bytes.NewReader(body))})
		err := Dialer{}.failure(Target{Namespace: "team", Pod: "buildkitd"}, "pods/portforward", answer)
		var forbidden *ForbiddenError
		var dial *DialError
		switch {
		case errors.As(err, &forbidden):
			if forbidden.Verb == "" || strings.Contains(forbidden.Verb, " ") {
				t.Errorf("the verb is %q", forbidden.Verb)
			}
		case !errors.As(err, &dial):
			t.Errorf("got %v", err)
		}
		if !errors.Is(err, answer) || apierrors.IsForbidden(answer) != apierrors.IsForbidden(err) {
			t.Errorf("%v hides %v", err, answer)
		}
	})
}

// endless sends the same over and over, for a while; then it says nothing.
type endless struct {
	piece, rest []byte
	left        int
	silent      chan struct{}
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		<-e.silent
		return 0, io.EOF
	}
	if len(e.rest) == 0 {
		e.rest = e.piece
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	e.left -= n
	return n, nil
}

// TestMemoryIsBounded proves that no other side can fill this machine's memory, whatever it sends
// without being read.
func TestMemoryIsBounded(t *testing.T) {
	const most = 2 << 20
	header := func(stream spdy.StreamId, size int) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(stream)), uint32(size))
	}
	for name, piece := range map[string][]byte{
		"data":                 append(header(dataStream, 32<<10), make([]byte, 32<<10)...),
		"data, a byte a frame": append(header(dataStream, 1), 'x'),
		"words":                append(header(errorStream, 32<<10), make([]byte, 32<<10)...),
		"ends":                 frames(t, &spdy.RstStreamFrame{StreamId: dataStream, Status: spdy.Cancel}),
		"pings":                frames(t, &spdy.PingFrame{Id: 2}),
		"streams of its own":   frames(t, &spdy.SynReplyFrame{StreamId: 8, Headers: http.Header{}}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := heap()
				source := &endless{piece: piece, left: 2 * most, silent: make(chan struct{})}
				link := newWire(source)
				c, err := forward(link, Target{})
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait() // until nothing more is taken from the link
				if grown := heap() - before; grown > most {
					t.Errorf("%d bytes were taken from the link, and the heap has grown by %d", link.read.Load(), grown)
				}
				close(source.silent)
				_ = c.Close()
				<-link.closed
			})
		})
	}
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what a pool or a finalizer held
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
