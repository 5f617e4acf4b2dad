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
	// reasonTimeout is how long the kubelet may take to report why the data ended.
	reasonTimeout = 300 * time.Millisecond
)

// forwarding is port-forward's protocol on one connection: two streams, for errors and for data.
type forwarding struct {
	*conn
	link    io.ReadWriteCloser
	framer  *spdy.Framer
	sent    bytes.Buffer // where framer writes control frames; the writer's alone
	pongs   chan uint32
	message tail // from the error stream

	dataEnded bool // the reader's alone
}

// forward requests both streams at once and starts the pumps. It does not wait: an error ends the
// conn.
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

// write is the only goroutine that writes to the connection: the two requests, then data and pings.
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

// sentOr is false when nothing can be sent any more. What the node said before may still have to be
// read: it is the reason, and the failure to send only its consequence.
func (f *forwarding) sentOr(err error) bool {
	if err != nil {
		time.AfterFunc(reasonTimeout, func() { f.end(f.target.ending("sending failed: "+err.Error(), err)) })
	}
	return err == nil
}

// read is the only goroutine that reads from the connection.
func (f *forwarding) read() {
	for {
		frame, err := f.framer.ReadFrame()
		if err != nil {
			f.connectionEnded(err)
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
		_, _ = f.message.Write(frame.Data)
	}
	return frame.Flags&spdy.DataFlagFin == 0 || f.streamEnded(frame.StreamId, "the Pod closed the connection")
}

// streamEnded returns false if the end of the stream is the end of the tunnel. The end of the data
// stream is, after the kubelet had time to report why; the end of the error stream is only if it
// has a message.
func (f *forwarding) streamEnded(stream spdy.StreamId, how string) bool {
	if message := f.message.String(); message != "" {
		f.end(f.target.ending(message, nil))
		return false
	}
	if stream == dataStream && !f.dataEnded {
		f.dataEnded = true
		time.AfterFunc(reasonTimeout, func() { f.end(f.target.ending(how, io.EOF)) })
	}
	return true
}

// connectionEnded ends the tunnel after the connection to the API server has ended, unless the conn
// was closed.
func (f *forwarding) connectionEnded(err error) {
	message := f.message.String()
	switch {
	case message != "":
		f.end(f.target.ending(message, err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.end(f.target.ending("the API server ended the connection", err))
	default:
		f.end(f.target.ending(err.Error(), err))
	}
}
