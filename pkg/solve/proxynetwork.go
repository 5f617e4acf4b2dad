package solve

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// proxyNetworkMinor is the first minor version of BuildKit 0 that obeys the wish
// for a proxy network: v0.31.
const proxyNetworkMinor = 31

// knowsProxyNetwork asks the daemon's version: an older one would not see the
// wish and let the steps reach every network. A version that is not a release's is
// taken for a newer one.
func (d *Daemon) knowsProxyNetwork(ctx context.Context) error {
	version, err := d.Version(ctx)
	if err != nil {
		return err
	}
	if minor, isRelease := minorOf(version); isRelease && minor < proxyNetworkMinor {
		return &UnsupportedError{Cause: errors.New("--proxy-network needs BuildKit v0." + fmt.Sprint(proxyNetworkMinor) + ", the builder has " + version)}
	}
	return nil
}

// minorOf reads v0.MINOR.PATCH.
func minorOf(version string) (minor int, isRelease bool) {
	rest, found := strings.CutPrefix(version, "v0.")
	digits, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.Atoi(digits)
	return minor, found && err == nil
}
