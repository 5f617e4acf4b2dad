package state

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNothingIsDeletedThatIsNotOurs(t *testing.T) {
	dir := Dir(t.TempDir())
	file := dir.Path("precious")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if dir.Create() == nil {
		t.Error("a directory of another user was taken")
	}
	if dir.Empty() == nil {
		t.Error("a directory of another user was emptied")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestEmpty(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "state"))
	for range 2 { // the second time it is not there
		if err := dir.Empty(); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Create(); err != nil {
		t.Fatal(err)
	}
	if err := dir.Save(Record{Nodes: 2}); err != nil {
		t.Fatal(err)
	}
	if record, err := dir.Load(); err != nil || record.Nodes != 2 {
		t.Errorf("got %+v, %v", record, err)
	}
	if err := dir.Empty(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(string(dir)); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestLockExcludesOthers(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "state"))
	unlock, err := dir.Lock(t.Context(), func() { t.Error("the first had to wait") })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := dir.Lock(ctx, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("the second got %v", err)
	}
	if err := os.Remove(string(dir)); err != nil { // as `down` does while it holds the lock
		t.Fatal(err)
	}
	unlock()
	again, err := dir.Lock(t.Context(), func() { t.Error("the third had to wait") })
	if err != nil {
		t.Fatal(err)
	}
	again()
}
