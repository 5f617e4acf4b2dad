package tunnel

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/moby/spdystream/spdy"
	corev1 "k8s.io/api/core/v1"
)

const (
	errorStream spdy.StreamId = 1
	dataStream  spdy.StreamId = 3
	// frameHeader is the size of a data frame's header: stream, flags and length.
	frameHeader = 8
	// pingEvery keeps load balancers from dropping a quiet connection.
	pingEvery = 10 * time.Second
	// lastWords is how long the node may take to say why the data ended.
	lastWords = 300 * time.Millisecond
)

// forwarding is port-forward's protocol on one link: two streams, the node's words about errors and the data.
type forwarding struct {
	*conn
	link   io.ReadWriteCloser
	framer *spdy.Framer
	sent   bytes.Buffer // where framer writes control frames; the writer's alone
	pongs  chan uint32
	words  tail // from the error stream

	dataEnded bool // the reader's alone
}

// forward asks for both streams at once and starts the pumps. It does not wait: a refusal ends the conn.
func forward(link io.ReadWriteCloser, target Target) (*conn, error) {
	f := &forwarding{conn: newConn(target, frameHeader), link: link, pongs: make(chan uint32, 1)}
	var err error
	if f.framer, err = spdy.NewFramer(&f.sent, bufio.NewReaderSize(link, 64<<10)); err != nil {
		_ = link.Close()
		return nil, fmt.Errorf("preparing SPDY: %w", err)
	}
	// The node reads the error stream's request first; both carry the same request number.
	for _, stream := range []struct {
		id   spdy.StreamId
		kind string
	}{{errorStream, corev1.StreamTypeError}, {dataStream, corev1.StreamTypeData}} {
		err := f.framer.WriteFrame(&spdy.SynStreamFrame{StreamId: stream.id, Headers: http.Header{
			corev1.StreamType:                 {stream.kind},
			corev1.PortHeader:                 {strconv.Itoa(target.Port)},
			corev1.PortForwardRequestIDHeader: {"0"},
		}})
		if err != nil {
			_ = link.Close()
			return nil, fmt.Errorf("preparing SPDY: %w", err)
		}
	}
	flushed := make(chan struct{})
	go f.write(flushed)
	go f.read()
	go f.hangUp(link, flushed)
	return f.conn, nil
}

// write is the only one that writes to the link: the two requests, then data and pings.
func (f *forwarding) write(flushed chan<- struct{}) {
	defer close(flushed)
	if !f.flush() {
		return
	}
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	ping := uint32(1)
	for {
		var open bool
		select {
		case buffer := <-f.outgoing:
			open = f.data(buffer)
		case id := <-f.pongs:
			open = f.ping(id)
		case <-ticker.C:
			open = f.ping(ping)
			ping += 2
		case <-f.closed:
			f.rest()
			return
		case <-f.ended:
			return
		}
		if !open {
			return
		}
	}
}

// rest sends what was written before Close.
func (f *forwarding) rest() {
	for {
		select {
		case buffer := <-f.outgoing:
			if !f.data(buffer) {
				return
			}
		default:
			return
		}
	}
}

// data sends a chunk as one frame and one write.
func (f *forwarding) data(buffer []byte) bool {
	binary.BigEndian.PutUint32(buffer, uint32(dataStream))
	binary.BigEndian.PutUint32(buffer[4:], uint32(len(buffer)-frameHeader))
	_, err := f.link.Write(buffer)
	f.release(buffer)
	return f.sentOr(err)
}

func (f *forwarding) ping(id uint32) bool {
	if err := f.framer.WriteFrame(&spdy.PingFrame{Id: id}); err != nil {
		return f.sentOr(err)
	}
	return f.flush()
}

// flush sends the control frames in one write.
func (f *forwarding) flush() bool {
	_, err := f.link.Write(f.sent.Bytes())
	f.sent.Reset()
	return f.sentOr(err)
}

// sentOr is false when nothing can be sent any more. What the node said before may still have to be read: it is the
// reason, and the failure to send only its consequence.
func (f *forwarding) sentOr(err error) bool {
	if err != nil {
		time.AfterFunc(lastWords, func() { f.end(f.target.ending("sending failed: "+err.Error(), err)) })
	}
	return err == nil
}

// read is the only one that reads from the link.
func (f *forwarding) read() {
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil {
			f.linkEnded(err)
			return
		}
		f.hear()
		var open bool
		switch frame := frame.(type) {
		case *spdy.DataFrame:
			open = f.received(frame)
		case *spdy.RstStreamFrame:
			open = f.streamEnded(frame.StreamId, "the node reset the connection")
		case *spdy.SynReplyFrame:
			open = frame.CFHeader.Flags&spdy.ControlFlagFin == 0 || f.streamEnded(frame.StreamId, "the node closed the connection")
		case *spdy.GoAwayFrame:
			open = f.streamEnded(dataStream, "the node is going away")
		case *spdy.PingFrame:
			open = true
			if frame.Id%2 == 0 {
				// The peer's own ping; with one unanswered, another may be dropped.
				select {
				case f.pongs <- frame.Id:
				default:
				}
			}
		default:
			open = true
		}
		if !open {
			return
		}
	}
}

func (f *forwarding) received(frame *spdy.DataFrame) bool {
	switch frame.StreamId {
	case dataStream:
		if !f.push(frame.Data) {
			return false
		}
	case errorStream:
		_, _ = f.words.Write(frame.Data)
	}
	return frame.Flags&spdy.DataFlagFin == 0 || f.streamEnded(frame.StreamId, "the Pod closed the connection")
}

// streamEnded is false when that is the end of the tunnel. The end of the data is, once the node has had a moment to
// say why; the end of the error stream is only if the node has said something.
func (f *forwarding) streamEnded(stream spdy.StreamId, how string) bool {
	if words := f.words.String(); words != "" {
		f.end(f.target.ending(words, nil))
		return false
	}
	if stream == dataStream && !f.dataEnded {
		f.dataEnded = true
		time.AfterFunc(lastWords, func() { f.end(f.target.ending(how, io.EOF)) })
	}
	return true
}

// linkEnded is the end of the whole connection to the API server, unless it was closed from here.
func (f *forwarding) linkEnded(err error) {
	words := f.words.String()
	switch {
	case words != "":
		f.end(f.target.ending(words, err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.end(f.target.ending("the API server ended the connection", err))
	default:
		f.end(f.target.ending(err.Error(), err))
	}
}
