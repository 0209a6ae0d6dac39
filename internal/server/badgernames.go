package server

import (
	"fmt"
	"slices"
	"strings"
)

// badgerConfig is the block that Jaeger 2 has for its badger storage. A key that
// is given wins over ours in the same file.
type badgerConfig struct {
	TTL *struct {
		Spans *Duration `yaml:"spans"`
	} `yaml:"ttl"`
	Directories *struct {
		Keys   *string `yaml:"keys"`
		Values *string `yaml:"values"`
	} `yaml:"directories"`
	Ephemeral             *bool     `yaml:"ephemeral"`
	Consistency           *bool     `yaml:"consistency"`
	MaintenanceInterval   *Duration `yaml:"maintenance_interval"`
	MetricsUpdateInterval *Duration `yaml:"metrics_update_interval"`
	ReadOnly              *bool     `yaml:"read_only"`
}

// takeBadger turns the block of Jaeger's names into ours.
func (c *Config) takeBadger() {
	b := c.Storage.Badger
	c.Storage.Badger = nil
	if b == nil {
		return
	}
	if b.TTL != nil {
		take(&c.Storage.TTL, b.TTL.Spans)
	}
	if b.Directories != nil {
		take(&c.Storage.IndexDir, b.Directories.Keys)
		take(&c.DataDir, b.Directories.Values)
	}
	take(&c.Storage.Ephemeral, b.Ephemeral)
	take(&c.Storage.SyncWrites, b.Consistency)
	take(&c.Storage.MaintenanceInterval, b.MaintenanceInterval)
	take(&c.Storage.MetricsInterval, b.MetricsUpdateInterval)
	take(&c.Storage.ReadOnly, b.ReadOnly)
}

func take[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// BadgerOption is a flag of Jaeger 1's badger storage and the key that it sets
// here. Its environment variable is the name in capitals with _ for . and -.
type BadgerOption struct {
	Flag  string // without the dashes
	Key   string // of the configuration
	Block string // its key in the block of Jaeger 2, storage.badger; empty without
	// IsBool says that the flag may come without a value, which means true.
	IsBool bool
	set    func(c *Config, text string) error
}

// BadgerOptions returns the options of Jaeger 1's badger storage that have a
// meaning here.
func BadgerOptions() []BadgerOption {
	text := func(field func(*Config) *string) func(*Config, string) error {
		return func(c *Config, s string) error {
			*field(c) = s
			return nil
		}
	}
	duration := func(field func(*Config) *Duration) func(*Config, string) error {
		return func(c *Config, s string) error { return field(c).UnmarshalText([]byte(s)) }
	}
	return []BadgerOption{
		{"badger.consistency", "storage.sync_writes", "consistency", true, flag(func(c *Config) *bool { return &c.Storage.SyncWrites })},
		{"badger.directory-key", "storage.index_dir", "directories.keys", false, text(func(c *Config) *string { return &c.Storage.IndexDir })},
		{"badger.directory-value", "data_dir", "directories.values", false, text(func(c *Config) *string { return &c.DataDir })},
		{"badger.ephemeral", "storage.ephemeral", "ephemeral", true, flag(func(c *Config) *bool { return &c.Storage.Ephemeral })},
		{"badger.maintenance-interval", "storage.maintenance_interval", "maintenance_interval", false, duration(func(c *Config) *Duration { return &c.Storage.MaintenanceInterval })},
		{"badger.metrics-update-interval", "storage.metrics_interval", "metrics_update_interval", false, duration(func(c *Config) *Duration { return &c.Storage.MetricsInterval })},
		{"badger.read-only", "storage.read_only", "read_only", true, flag(func(c *Config) *bool { return &c.Storage.ReadOnly })},
		{"badger.span-store-ttl", "storage.ttl", "ttl.spans", false, duration(func(c *Config) *Duration { return &c.Storage.TTL })},
		{"badger.truncate", "storage.repair", "", true, flag(func(c *Config) *bool { return &c.Storage.Repair })},
	}
}

func flag(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, s string) error {
		switch strings.ToLower(s) {
		case "true", "1":
			*field(c) = true
		case "false", "0":
			*field(c) = false
		default:
			return fmt.Errorf("%q: want true or false", s)
		}
		return nil
	}
}

// SetBadgerOption sets what an option of Jaeger 1's badger storage stands for.
func (c *Config) SetBadgerOption(name, value string) error {
	options := BadgerOptions()
	at := slices.IndexFunc(options, func(o BadgerOption) bool { return o.Flag == name })
	if at < 0 {
		return fmt.Errorf("%s: no such option of Jaeger's badger storage has a meaning here", name)
	}
	if err := options[at].set(c, value); err != nil {
		return fmt.Errorf("%s (%s here): %w", name, options[at].Key, err)
	}
	return nil
}

// Env returns the environment variable that Jaeger reads the option from.
func (o *BadgerOption) Env() string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(o.Flag))
}

// loadBadgerEnv sets what Jaeger 1's variables, such as BADGER_SPAN_STORE_TTL,
// say. Ours win over them.
func (c *Config) loadBadgerEnv(environ []string) error {
	for _, o := range BadgerOptions() {
		for _, kv := range environ {
			if value, ok := strings.CutPrefix(kv, o.Env()+"="); ok {
				if err := c.SetBadgerOption(o.Flag, value); err != nil {
					return fmt.Errorf("environment %s: %w", o.Env(), err)
				}
			}
		}
	}
	return nil
}
