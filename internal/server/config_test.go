package server

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func load(t *testing.T, text string, environ ...string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pando.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	err := c.Load(path, environ)
	return c, err
}

// TestLoad overlays a file and the environment, in this order, over the defaults.
func TestLoad(t *testing.T) {
	const text = `
data_dir: /srv/pando
listen: 127.0.0.1:9000
log: {level: debug}
storage:
  ttl: 3d
  memory: 512MiB
  shards: 4
limits: {span_attributes: 10, request: 1048576}
`
	c, err := load(t, text, "PANDO_LISTEN=localhost:1", "PANDO_STORAGE_TTL=36h", "PANDO_NO_ALIASES=true", "OTHER=1", "PANDO_LIMITS_SPAN_ATTRIBUTES=20")
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.DataDir, want.Listen, want.NoAliases = "/srv/pando", "localhost:1", true
	want.Log.Level = "debug"
	want.Storage.TTL, want.Storage.Memory, want.Storage.Shards = Duration(36*time.Hour), 512<<20, 4
	want.Limits.SpanAttributes, want.Limits.Request = 20, 1<<20
	if c != want {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestLoadOfNothing: a file that says nothing changes nothing.
func TestLoadOfNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "{}", "---\n"} {
		if c, err := load(t, text); err != nil || c != DefaultConfig() {
			t.Errorf("%q: %v, %+v", text, err, c)
		}
	}
}

// TestLoadRefuses says where a file is wrong, and names the variable that is.
func TestLoadRefuses(t *testing.T) {
	f := func(text, env, want string) {
		t.Helper()
		var environ []string
		if env != "" {
			environ = []string{env}
		}
		if _, err := load(t, text, environ...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %q: %v, want %q", text, env, err, want)
		}
	}
	f("storage:\n  tll: 3d", "", "tll")
	f("nonsense: 1", "", "nonsense")
	f("storage: {ttl: soon}", "", "soon")
	f("storage: {ttl: 7}", "", "7") // seven what?
	f("storage: {memory: -1}", "", "-1")
	f("storage: {memory: much}", "", "much")
	f("listen: [", "", "pando.yaml")
	f("", "PANDO_STORAGE_TTL=x", "PANDO_STORAGE_TTL")
	f("", "PANDO_STORAGE_SHARDS=x", "want a whole number")
	f("", "PANDO_INSECURE=perhaps", "want true or false")
	f("", "PANDO_STORAGE_TTLL=3d", "PANDO_STORAGE_TTLL")
	c := DefaultConfig()
	if err := c.Load(filepath.Join(t.TempDir(), "missing"), nil); err == nil {
		t.Error("a missing file was read")
	}
}

func TestDuration(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%q: %v, %v, want %v", text, time.Duration(d), err, want)
		}
		back, err := d.MarshalText()
		var again Duration
		if err != nil || again.UnmarshalText(back) != nil || again != d {
			t.Errorf("%q was written as %q", text, back)
		}
	}
	f("7d", 7*24*time.Hour)
	f("0.5d", 12*time.Hour)
	f("90m", 90*time.Minute)
	f("0", 0)
	f("36500d", 36500*24*time.Hour)
	for _, bad := range []string{"", "d", "-1d", "NaNd", "Infd", "1e9d", "7", "-5s", "1w"} {
		var d Duration
		if err := d.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %v", bad, time.Duration(d))
		}
	}
}

func TestSize(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		var z Size
		if err := z.UnmarshalText([]byte(text)); err != nil || int64(z) != want {
			t.Errorf("%q: %d, %v, want %d", text, z, err, want)
		}
		back, err := z.MarshalText()
		var again Size
		if err != nil || again.UnmarshalText(back) != nil || again != z {
			t.Errorf("%q was written as %q", text, back)
		}
	}
	f("64MiB", 64<<20)
	f("1.5GiB", 3<<29)
	f("1GB", 1e9)
	f("10 kB", 10_000)
	f("12", 12)
	f("7B", 7)
	f("0", 0)
	for _, bad := range []string{"", "B", "-1", "NaN", "Inf", "1e30", "10MB/s", "GiB"} {
		var z Size
		if err := z.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was read as %d", bad, z)
		}
	}
}

// TestValidateConfig names what is wrong, everything at once.
func TestValidateConfig(t *testing.T) {
	if c := DefaultConfig(); c.Validate() != nil {
		t.Fatal(c.Validate())
	}
	f := func(want string, change func(c *Config)) {
		t.Helper()
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("data_dir", func(c *Config) { c.DataDir = "" })
	f("want host:port", func(c *Config) { c.Listen = "nowhere" })
	f("--insecure", func(c *Config) { c.Listen = "0.0.0.0:1" })
	f("--insecure", func(c *Config) { c.Listen = ":1" })
	f("--insecure", func(c *Config) { c.Listen = "example.com:1" })
	f("log.level", func(c *Config) { c.Log.Level = "loud" })
	f("log.format", func(c *Config) { c.Log.Format = "xml" })
	f("storage.memtable", func(c *Config) { c.Storage.Memtable = c.Storage.Memory + 1 })
	f("limits.in_flight", func(c *Config) { c.Limits.InFlight = c.Limits.Request - 1 })
	f("storage.shards", func(c *Config) { c.Storage.Shards = 0 })
	f("storage.shards", func(c *Config) { c.Storage.Shards = math.MaxInt })
	f("storage.ttl", func(c *Config) { c.Storage.TTL = 1 })
	f("storage.segment_interval", func(c *Config) { c.Storage.SegmentInterval = 1 })
	f("storage.memory", func(c *Config) { c.Storage.Memory = -1 })
	f("limits.span_attributes", func(c *Config) { c.Limits.SpanAttributes = -1 })
	c := DefaultConfig()
	c.DataDir, c.Log.Level = "", ""
	if err := c.Validate(); !strings.Contains(err.Error(), "data_dir") || !strings.Contains(err.Error(), "log.level") {
		t.Errorf("not everything at once: %v", err)
	}
	for _, ok := range []string{"127.0.0.1:1", "[::1]:1", "localhost:1"} {
		if c := DefaultConfig(); true {
			if c.Listen = ok; c.Validate() != nil {
				t.Error(c.Validate())
			}
		}
	}
}
