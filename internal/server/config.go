package server

import (
	"encoding"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pandodb/pando/internal/catalog"
)

// Config is everything a user can set, over what DefaultConfig returns. One struct is the source of the file's keys, the environment's names
// (PANDO_ and the key's path in capitals) and the reference.
type Config struct {
	// DataDir holds everything the process keeps.
	DataDir string `yaml:"data_dir"`
	// Listen is the address that answers every protocol.
	Listen string `yaml:"listen"`
	// NoAliases turns the well-known ports off (OTLP's, Jaeger's and Zipkin's),
	// which otherwise open on loopback when they are free.
	NoAliases bool `yaml:"no_aliases"`
	// Insecure allows a Listen address other than loopback: nothing asks who is
	// there.
	Insecure bool          `yaml:"insecure"`
	Log      LogConfig     `yaml:"log"`
	Storage  StorageConfig `yaml:"storage"`
	Limits   LimitConfig   `yaml:"limits"`
	Jaeger   JaegerConfig  `yaml:"jaeger"`
}

// JaegerConfig says how Jaeger's clients are answered.
type JaegerConfig struct {
	// MaxClockSkew is how far spans are moved when hosts' clocks disagree; 0 only
	// warns.
	MaxClockSkew Duration `yaml:"max_clock_skew"`
	// SamplingStrategies is a file of sampling strategies in Jaeger's form.
	SamplingStrategies string `yaml:"sampling_strategies"`
	// AdaptiveSampling works out the strategies of services that the file does not
	// name, such that each operation stores SamplingTarget traces per second.
	AdaptiveSampling bool    `yaml:"adaptive_sampling"`
	SamplingTarget   float64 `yaml:"sampling_target"`
	// ArchiveListen is an address that answers remote storage over the archive,
	// for Jaeger 1.66 to 1.76, which know an archive by its address. Empty: none.
	ArchiveListen string `yaml:"archive_listen"`
}

// LogConfig says how the process logs.
type LogConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // auto, text or json
}

// StorageConfig says how data is kept.
type StorageConfig struct {
	// TTL is how long spans are kept after they started; 0 keeps them for ever.
	TTL Duration `yaml:"ttl"`
	// SegmentInterval is the time one segment covers; expired ones go whole.
	// It is fixed when the data directory is made.
	SegmentInterval Duration `yaml:"segment_interval"`
	// Shards is the number of tablets to begin with. It is fixed when the data
	// directory is made.
	Shards int `yaml:"shards"`
	// Memory bounds rows that are not in parts yet, Cache decoded pages.
	Memory Size `yaml:"memory"`
	Cache  Size `yaml:"cache"`
	// Memtable is the memory at which a tablet flushes; FlushAge the age.
	Memtable Size     `yaml:"memtable"`
	FlushAge Duration `yaml:"flush_age"`
	// MinFree is the free disk space below which writes are refused.
	MinFree Size `yaml:"min_free"`
	// ArchiveTTL is how long archived traces are kept; 0 keeps them for ever.
	ArchiveTTL Duration `yaml:"archive_ttl"`
	// IndexDir holds the index files of parts, where they shall lie on another
	// disk than the values. It is fixed when the data directory is made.
	IndexDir string `yaml:"index_dir"`
	// Ephemeral keeps everything in memory, EphemeralSize bytes of it at most,
	// and forgets it when the process ends. DataDir and IndexDir are not used.
	Ephemeral     bool `yaml:"ephemeral"`
	EphemeralSize Size `yaml:"ephemeral_size"`
	// SyncWrites acknowledges spans once they are on the disk. Without it they are
	// there within 100 ms: a power cut may take those, the end of the process none.
	SyncWrites bool `yaml:"sync_writes"`
	// MaintenanceInterval is how often tablets look for what to flush, merge and
	// drop, and how old the answers of a read-only process may be.
	MaintenanceInterval Duration `yaml:"maintenance_interval"`
	// MetricsInterval is how old the sizes in /metrics may be.
	MetricsInterval Duration `yaml:"metrics_interval"`
	// ReadOnly opens a data directory that another process may be writing, and
	// answers with what that one acknowledged MaintenanceInterval ago. It needs a
	// Listen address of its own.
	ReadOnly bool `yaml:"read_only"`
	// Repair opens a directory that is damaged as far as that goes; what the damage
	// took is lost, and told in the log.
	Repair bool `yaml:"repair"`

	// Badger takes the names that Jaeger's badger storage has for these keys;
	// Load turns them into ours and clears it.
	Badger *badgerConfig `yaml:"badger"`
}

// LimitConfig bounds requests.
type LimitConfig struct {
	// RequestWire bounds a request body as sent, Request what it decompresses to.
	RequestWire Size `yaml:"request_wire"`
	Request     Size `yaml:"request"`
	// InFlight bounds all requests being received together.
	InFlight Size `yaml:"in_flight"`
	// SpanAttributes bounds the attributes of a span, AttributeValue each value.
	SpanAttributes int  `yaml:"span_attributes"`
	AttributeValue Size `yaml:"attribute_value"`
}

// Duration is a time span written like 90s, 36h or 7d.
type Duration time.Duration

// UnmarshalText reads a duration; d is 24 hours.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= 36500) { // not a number is neither
			return fmt.Errorf("duration %q: want a number and a unit, such as 7d or 90m", s)
		}
		*d = Duration(n * 24 * float64(time.Hour))
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("duration %q: want a number and a unit, such as 7d or 90m", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration as UnmarshalText reads it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Size is a number of bytes written like 64MiB or 1GB.
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"kB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
	{"", 1},
}

// UnmarshalText reads a size.
func (z *Size) UnmarshalText(text []byte) error {
	s := string(text)
	for _, u := range sizeUnits {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || !(n >= 0 && n*float64(u.bytes) <= 1<<60) { // not a number is neither
			break
		}
		*z = Size(n * float64(u.bytes))
		return nil
	}
	return fmt.Errorf("size %q: want a number and a unit, such as 64MiB", s)
}

// MarshalText writes the size as UnmarshalText reads it.
func (z Size) MarshalText() ([]byte, error) {
	for i := 3; i >= 0; i-- {
		if u := sizeUnits[i]; z > 0 && int64(z)%u.bytes == 0 {
			return fmt.Appendf(nil, "%d%s", int64(z)/u.bytes, u.suffix), nil
		}
	}
	return fmt.Appendf(nil, "%dB", int64(z)), nil
}

// DefaultConfig returns the configuration of a process that is told nothing.
func DefaultConfig() Config {
	return Config{
		DataDir: defaultDataDir(),
		Listen:  "127.0.0.1:7070",
		Log:     LogConfig{Level: "info", Format: "auto"},
		Storage: StorageConfig{
			TTL: Duration(7 * 24 * time.Hour), SegmentInterval: Duration(24 * time.Hour), Shards: 2,
			Memory: 128 << 20, Cache: 64 << 20, Memtable: 12 << 20, FlushAge: Duration(time.Minute), MinFree: 256 << 20,
			EphemeralSize: 1 << 30, SyncWrites: true, MaintenanceInterval: Duration(time.Second), MetricsInterval: Duration(time.Second),
		},
		Limits: LimitConfig{
			RequestWire: 16 << 20, Request: 64 << 20, InFlight: 256 << 20, SpanAttributes: 1024, AttributeValue: 256 << 10,
		},
		Jaeger: JaegerConfig{SamplingTarget: 1},
	}
}

func defaultDataDir() string {
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "pando")
	}
	return "pando-data"
}

// Load overlays the file (when path is not empty) and the environment over the
// configuration. Unknown keys are errors with line and column.
func (c *Config) Load(path string, environ []string) error {
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		// A file without a value, of comments only, would clear what is there.
		var doc any
		if err := yaml.Unmarshal(data, &doc); err == nil && doc == nil {
			data = []byte("{}")
		}
		if err := yaml.UnmarshalWithOptions(data, c, yaml.Strict()); err != nil {
			return fmt.Errorf("configuration %s:\n%s", path, yaml.FormatError(err, false, true))
		}
	}
	c.takeBadger()
	if err := c.loadBadgerEnv(environ); err != nil {
		return err
	}
	return c.loadEnv(environ)
}

// loadEnv sets fields from PANDO_ variables, such as PANDO_STORAGE_TTL.
func (c *Config) loadEnv(environ []string) error {
	env := make(map[string]string)
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(k, "PANDO_") {
			env[k] = v
		}
	}
	err := setFields(reflect.ValueOf(c).Elem(), "PANDO", env)
	return errors.Join(err, unknownEnv(reflect.TypeOf(*c), env))
}

// unknownEnv reports variables of a section, such as PANDO_STORAGE_, that name no
// key of it. Others beginning with PANDO_ may be somebody else's: Kubernetes sets
// PANDO_SERVICE_HOST for a service of our name.
func unknownEnv(config reflect.Type, env map[string]string) error {
	var errs []error
	for section := range config.Fields() {
		if section.Type.Kind() != reflect.Struct {
			continue
		}
		prefix := "PANDO_" + strings.ToUpper(section.Tag.Get("yaml")) + "_"
		known := make(map[string]bool)
		for key := range section.Type.Fields() {
			if key.Type.Kind() == reflect.Pointer {
				continue
			}
			known[prefix+strings.ToUpper(key.Tag.Get("yaml"))] = true
		}
		for name := range env {
			if strings.HasPrefix(name, prefix) && !known[name] {
				errs = append(errs, fmt.Errorf("environment %s: no such setting", name))
			}
		}
	}
	return errors.Join(errs...)
}

func setFields(v reflect.Value, prefix string, env map[string]string) error {
	var errs []error
	for i := range v.NumField() {
		name := prefix + "_" + strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		f := v.Field(i)
		if f.Kind() == reflect.Struct {
			errs = append(errs, setFields(f, name, env))
			continue
		}
		if f.Kind() == reflect.Pointer { // other names for what is here
			continue
		}
		text, ok := env[name]
		if !ok {
			continue
		}
		if err := setField(f, text); err != nil {
			errs = append(errs, fmt.Errorf("environment %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func setField(f reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](f.Addr()); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q: want true or false", text)
		}
		f.SetBool(b)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q: want a number", text)
		}
		f.SetFloat(x)
	default:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q: want a whole number", text)
		}
		f.SetInt(n)
	}
	return nil
}

// Validate reports everything that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.DataDir == "" && !c.Storage.Ephemeral {
		bad("data_dir is empty")
	}
	if host, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad("listen %q: want host:port", c.Listen)
	} else if !c.Insecure && !isLoopback(host) {
		bad("listen %q is not loopback and nothing asks who is there: keep it local, put a proxy in front, or accept it with --insecure", c.Listen)
	}
	if a := c.Jaeger.ArchiveListen; a != "" {
		if host, _, err := net.SplitHostPort(a); err != nil {
			bad("jaeger.archive_listen %q: want host:port", a)
		} else if !c.Insecure && !isLoopback(host) {
			bad("jaeger.archive_listen %q is not loopback and nothing asks who is there: keep it local, put a proxy in front, or accept it with --insecure", a)
		}
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		bad("log.level %q: want debug, info, warn or error", c.Log.Level)
	}
	switch c.Log.Format {
	case "auto", "text", "json":
	default:
		bad("log.format %q: want auto, text or json", c.Log.Format)
	}
	c.Storage.validate(bad)
	if c.Limits.InFlight < c.Limits.Request {
		bad("limits.in_flight is smaller than limits.request: such a request could never pass")
	}
	if t := c.Jaeger.SamplingTarget; !(t > 0 && t <= 1e6) { // not a number is neither
		bad("jaeger.sampling_target is %g: want traces per second, above 0 and at most a million", t)
	}
	if c.Limits.SpanAttributes < 0 {
		bad("limits.span_attributes is %d: want 0 or more", c.Limits.SpanAttributes)
	}
	return errors.Join(errs...)
}

func (c *StorageConfig) validate(bad func(format string, args ...any)) {
	if c.Memtable > c.Memory {
		bad("storage.memtable is larger than storage.memory")
	}
	if c.Shards < 1 || c.Shards > catalog.MaxShards {
		bad("storage.shards is %d: want 1 to %d", c.Shards, catalog.MaxShards)
	}
	if c.TTL != 0 && c.TTL < Duration(time.Second) {
		bad("storage.ttl is %v: want at least 1s, or 0 to keep everything", time.Duration(c.TTL))
	}
	if c.ArchiveTTL != 0 && c.ArchiveTTL < Duration(time.Second) {
		bad("storage.archive_ttl is %v: want at least 1s, or 0 to keep everything", time.Duration(c.ArchiveTTL))
	}
	if c.Ephemeral && c.ReadOnly {
		bad("storage.read_only and storage.ephemeral: what is in memory only, no other process has written")
	}
	if c.Repair && c.ReadOnly {
		bad("storage.repair and storage.read_only: a process that writes nothing repairs nothing")
	}
	if c.Ephemeral && c.EphemeralSize < minEphemeral {
		bad("storage.ephemeral_size is %d bytes: want at least %d", c.EphemeralSize, minEphemeral)
	}
	if d := time.Duration(c.MaintenanceInterval); d < 100*time.Millisecond || d > time.Hour {
		bad("storage.maintenance_interval is %v: want 100ms to 1h", d)
	}
	if d := time.Duration(c.MetricsInterval); d > time.Hour {
		bad("storage.metrics_interval is %v: want at most 1h", d)
	}
	if c.SegmentInterval < Duration(time.Second) {
		bad("storage.segment_interval is %v: want at least 1s", time.Duration(c.SegmentInterval))
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
