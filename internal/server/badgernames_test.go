package server

import (
	"strings"
	"testing"
	"time"
)

// TestBadgerNames: the names of Jaeger's badger storage, old and new, set our
// keys, and ours win over them.
func TestBadgerNames(t *testing.T) {
	want := DefaultConfig()
	want.DataDir, want.Storage.IndexDir = "/values", "/keys"
	want.Storage.TTL = Duration(72 * time.Hour)
	want.Storage.MaintenanceInterval, want.Storage.MetricsInterval = Duration(5*time.Minute), Duration(10*time.Second)
	want.Storage.Ephemeral, want.Storage.SyncWrites, want.Storage.ReadOnly = true, false, true
	got, err := load(t, `
storage:
  badger:
    directories: {keys: /keys, values: /values}
    ttl: {spans: 72h}
    ephemeral: true
    consistency: false
    maintenance_interval: 5m
    metrics_update_interval: 10s
    read_only: true
`)
	if err != nil || got != want {
		t.Errorf("Jaeger 2's block: %v\n got %+v\nwant %+v", err, got, want)
	}
	got, err = load(t, "", "BADGER_DIRECTORY_KEY=/keys", "BADGER_DIRECTORY_VALUE=/values", "BADGER_SPAN_STORE_TTL=72h0m0s",
		"BADGER_EPHEMERAL=true", "BADGER_CONSISTENCY=false", "BADGER_MAINTENANCE_INTERVAL=5m0s", "BADGER_METRICS_UPDATE_INTERVAL=10s", "BADGER_READ_ONLY=true")
	if err != nil || got != want {
		t.Errorf("Jaeger 1's variables: %v\n got %+v\nwant %+v", err, got, want)
	}
	got, err = load(t, "", "BADGER_SPAN_STORE_TTL=72h", "PANDO_STORAGE_TTL=1h")
	if err != nil || got.Storage.TTL != Duration(time.Hour) {
		t.Errorf("both names: %v, %v", got.Storage.TTL, err)
	}
	for _, env := range []string{"BADGER_EPHEMERAL=perhaps", "BADGER_SPAN_STORE_TTL=7"} {
		if _, err := load(t, "", env); err == nil || !strings.Contains(err.Error(), strings.SplitN(env, "=", 2)[0]) {
			t.Errorf("%s: %v", env, err)
		}
	}
	if got, err := load(t, "", "BADGER_TRUNCATE=true"); err != nil || !got.Storage.Repair {
		t.Errorf("truncate: %v, %v", got.Storage.Repair, err)
	}
	if err := got.SetBadgerOption("badger.nothing", "1"); err == nil {
		t.Error("an option that does not exist was set")
	}
	if _, err := load(t, "storage: {badger: {nothing: 1}}"); err == nil {
		t.Error("an unknown key in the block was accepted")
	}
}
