package proxy

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Server joins the connections that it accepts to connections that it dials.
type Server struct {
	// Dial opens the remote end of one connection.
	Dial func(context.Context) (net.Conn, error)
	// Report is called for a connection that could not be opened or was lost, with its number,
	// which begins with 1. The others are not affected. Several goroutines may call it at once.
	Report func(number int, err error)
}

// Serve accepts connections until ctx ends, which closes all of them and is not an error.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, stop := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer stop()
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	for number := 1; ; number++ {
		near, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accepting connections at %s: %w", listener.Addr(), err)
		}
		open.Go(func() { s.serve(ctx, number, near) })
	}
}

func (s *Server) serve(ctx context.Context, number int, near net.Conn) {
	far, err := s.Dial(ctx)
	if err == nil {
		stop := context.AfterFunc(ctx, func() { _ = near.Close() })
		defer stop()
		err = Join(near, far)
	}
	_ = near.Close()
	if err != nil && ctx.Err() == nil {
		s.Report(number, err)
	}
}
