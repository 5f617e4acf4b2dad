package upload

import (
	"fmt"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/filesync"
	"github.com/moby/buildkit/session/upload"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Options are the options of an upload.
type Options struct {
	Compress Mode
	// Large is the number of bytes of one directory from which on the user gets a warning with the
	// largest files; 0 is never.
	Large int64
	// Directories are the paths on this machine, by the daemon's name of the directory, e.g.
	// "context".
	Directories map[string]string
}

// path returns the directory as the user knows it; the daemon's name of one that has no path.
func (o Options) path(mount string) string {
	if dir := o.Directories[mount]; dir != "" {
		return dir
	}
	return mount
}

// Serve serves the directories and archives of a solve, in place of BuildKit's client.
func Serve(opt *client.SolveOpt, options Options, link Link) (*Meter, error) {
	sender := &sender{policy: newCompressionPolicy(options.Compress, link), meter: newMeter(options, link)}
	for i, attachable := range opt.Session {
		if archive, ok := attachable.(upload.UploadServer); ok {
			opt.Session[i] = &archives{UploadServer: archive, sender: sender}
		}
	}
	if len(opt.LocalMounts) == 0 {
		return sender.meter, nil
	}
	files, err := directories(opt, sender)
	if err != nil {
		return nil, err
	}
	opt.LocalMounts = nil
	opt.Session = append(opt.Session, files)
	return sender.meter, nil
}

// directories returns the service for the local mounts. Owners are omitted, as by BuildKit's
// client: they are users of this machine.
func directories(opt *client.SolveOpt, sender *sender) (session.Attachable, error) {
	source := filesync.StaticDirSource{}
	for name, mount := range opt.LocalMounts {
		ownerless, err := fsutil.NewFilterFS(mount, &fsutil.FilterOpt{Map: func(_ string, stat *types.Stat) fsutil.MapResult {
			stat.Uid, stat.Gid = 0, 0
			return fsutil.MapResultKeep
		}})
		if err != nil {
			return nil, fmt.Errorf("preparing the directory %q: %w", name, err)
		}
		source[name] = countedFS{FS: ownerless, name: name, meter: sender.meter}
	}
	provider, ok := filesync.NewFSSyncProvider(source, opt.LocalFilterOpt).(filesync.FileSyncServer)
	if !ok {
		return nil, fmt.Errorf("serving directories: BuildKit's provider is not a %T", provider)
	}
	return &files{FileSyncServer: provider, sender: sender}, nil
}

// directoryName is the header with the name of the directory that the daemon requests.
const directoryName = "dir-name"

// files is BuildKit's service for directories.
type files struct {
	filesync.FileSyncServer
	sender *sender
}

func (f *files) Register(server *grpc.Server) {
	filesync.RegisterFileSyncServer(server, f)
}

func (f *files) DiffCopy(call filesync.FileSync_DiffCopyServer) error {
	if names := metadata.ValueFromIncomingContext(call.Context(), directoryName); len(names) == 1 {
		f.sender.meter.begin(names[0])
	}
	return f.FileSyncServer.DiffCopy(wrap(call, f.sender))
}

// archives is BuildKit's service for archives on standard input.
type archives struct {
	upload.UploadServer
	sender *sender
}

func (a *archives) Register(server *grpc.Server) {
	upload.RegisterUploadServer(server, a)
}

func (a *archives) Pull(call upload.Upload_PullServer) error {
	return a.UploadServer.Pull(wrap(call, a.sender))
}
