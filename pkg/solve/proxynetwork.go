package solve

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// proxyNetworkMinor is the first minor version of BuildKit 0 that supports a proxy
// network: v0.31.
const proxyNetworkMinor = 31

// checkProxyNetwork returns an *UnsupportedError if the daemon is too old: it would
// ignore the setting and let the steps reach every network. A version that is not
// that of a release counts as a newer one.
func (d *Daemon) checkProxyNetwork(ctx context.Context) error {
	version, err := d.Version(ctx)
	if err != nil {
		return err
	}
	if minor, isRelease := minorOf(version); isRelease && minor < proxyNetworkMinor {
		return &UnsupportedError{Cause: errors.New("--proxy-network needs BuildKit v0." + fmt.Sprint(proxyNetworkMinor) + ", the builder has " + version)}
	}
	return nil
}

// minorOf parses v0.MINOR.PATCH.
func minorOf(version string) (minor int, isRelease bool) {
	rest, found := strings.CutPrefix(version, "v0.")
	digits, _, _ := strings.Cut(rest, ".")
	minor, err := strconv.Atoi(digits)
	return minor, found && err == nil
}
