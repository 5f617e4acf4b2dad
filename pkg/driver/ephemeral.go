package driver

import (
	"context"
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/ephemeral"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// Ephemeral is how a build gets a builder of its own, which is removed with the build.
type Ephemeral struct {
	// Named is set if ConnectOptions.Builder, whose settings it has, must exist.
	Named bool
	// Edit changes the settings, for this build alone; nil changes none.
	Edit install.Edit
}

// connectOwn makes a builder for this build alone and connects to it. The options then lead to it,
// also after a loss.
func (d *Driver) connectOwn(ctx context.Context, o *BuildOptions, trust trustFunc) (*Connection, error) {
	c, err := d.Cluster()
	if err != nil {
		return nil, err
	}
	tunnels, err := d.dialer(o.Connect.Transport)
	if err != nil {
		return nil, err
	}
	opened := make(chan *Connection, 1)
	probe := func(ctx context.Context, member cluster.Member, certificates *cluster.Connection) error {
		daemon, err := d.openMember(ctx, tunnels, member, certificates)
		if err == nil && o.Connect.Transport == tunnel.Exec { // which shows nothing before it is asked
			_, err = daemon.Version(ctx)
		}
		if err == nil {
			opened <- &Connection{Member: member, Certificates: certificates, Daemon: daemon}
		} else if daemon != nil {
			_ = daemon.Close()
		}
		return err
	}
	own, err := ephemeral.Start(ctx, c, ephemeral.Options{
		Like: o.Connect.Builder, Named: o.Ephemeral.Named, Edit: o.Ephemeral.Edit, Timeout: podStartTimeout, Probe: probe,
		Renewed: func() (*cluster.Client, error) { return d.renewed().Cluster() },
		Report: func(event install.Event) {
			if shows(o.Progress.Mode) {
				d.event(event)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	o.Connect.Builder, o.Connect.own = own.Name(), own
	connection := <-opened
	if err := trust(connection.Certificates); err != nil {
		_ = connection.Close()
		own.Remove(ctx)
		return nil, err
	}
	return connection, nil
}

// shows reports whether lines between those of the progress are shown in that mode.
func shows(mode progress.Mode) bool {
	return mode != progress.Quiet && mode != progress.None && mode != progress.RawJSON
}

// locateOwn is locate for the builder that was made for this build.
func (r *reached) locateOwn(own *ephemeral.Builder) (_ *reached, err error) {
	if r.at, err = own.Location(); err != nil {
		return nil, err
	}
	r.certificates = r.at.Connection
	return r, nil
}

// goneForGood makes a *ephemeral.GoneError of the error of a builder for this build that does not
// run any more; any other error stays as it is.
func (o ConnectOptions) goneForGood(err error) error {
	var (
		notReady    *cluster.NotReadyError
		terminating *cluster.TerminatingError
	)
	if o.own == nil || !errors.As(err, &terminating) && (!errors.As(err, &notReady) || notReady.Starting) {
		return err
	}
	return &ephemeral.GoneError{Name: o.Builder}
}
