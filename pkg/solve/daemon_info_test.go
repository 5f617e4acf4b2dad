package solve

import (
	"errors"
	"testing"
)

func TestInfo(t *testing.T) {
	info, err := (&fakeDaemon{}).start(t, nil).mustConnect(t).Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Version != "v9.8.7" || info.Revision != "abc" || info.Cache != (Cache{Records: 2, TotalBytes: 12, InUseBytes: 5}) {
		t.Errorf("got %+v", info)
	}
	if len(info.Workers) != 1 || info.Workers[0].ID != "w" {
		t.Fatalf("got %+v", info.Workers)
	}
	rule := info.Workers[0].GC[0]
	if !rule.All || rule.KeepSeconds != 60 || rule.MaxUsedBytes != 10 || rule.ReservedBytes != 3 || rule.MinFreeBytes != 4 {
		t.Errorf("got %+v", rule)
	}
}

func TestOldDaemon(t *testing.T) {
	d := (&fakeDaemon{old: true}).start(t, nil).mustConnect(t)
	var unsupported *UnsupportedError
	if _, err := d.Version(t.Context()); !errors.As(err, &unsupported) {
		t.Errorf("got %v", err)
	}
	if _, err := d.Info(t.Context()); !errors.As(err, &unsupported) {
		t.Errorf("got %v", err)
	}
}
