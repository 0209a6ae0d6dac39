package cli

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/server"
)

// configFlags are the flags that every command with a server has. They win over
// the environment, that over the file, that over the defaults.
type configFlags struct {
	file      string
	dataDir   string
	listen    string
	noAliases bool
	insecure  bool
	badger    map[string]*string // Jaeger's names of some keys, by flag
}

func (f *configFlags) add(cmd *cobra.Command) {
	def := server.DefaultConfig()
	flags := cmd.Flags()
	flags.StringVar(&f.file, "config", "", "configuration file (YAML)")
	flags.StringVar(&f.dataDir, "data-dir", def.DataDir, "directory that holds everything the server keeps")
	flags.StringVar(&f.listen, "listen", def.Listen, "address that answers every protocol")
	addNoAliases(cmd, &f.noAliases)
	flags.BoolVar(&f.insecure, "insecure", false, "allow to listen beyond this machine, with nothing asking who is there")
	f.badger = make(map[string]*string)
	for _, o := range server.BadgerOptions() {
		f.badger[o.Flag] = flags.String(o.Flag, "", "Jaeger's name of "+o.Key)
		flags.Lookup(o.Flag).Hidden = true
		if o.IsBool { // Jaeger takes it without a value
			flags.Lookup(o.Flag).NoOptDefVal = "true"
		}
	}
}

// addNoAliases adds the flag of commands that would open the well-known ports.
func addNoAliases(cmd *cobra.Command, noAliases *bool) {
	cmd.Flags().BoolVar(noAliases, "no-aliases", false, "leave the well-known ports of OTLP, Jaeger and Zipkin alone")
}

// flagOf names the flag of a configuration key.
var flagOf = map[string]string{"data_dir": "data-dir", "listen": "listen", "no_aliases": "no-aliases", "insecure": "insecure"}

// load returns the effective configuration without judging it.
func (f *configFlags) load(cmd *cobra.Command, env *Env) (server.Config, error) {
	c := server.DefaultConfig()
	if err := c.Load(f.file, env.Environ); err != nil {
		return c, base.Mark(base.ClassInvalid, err)
	}
	changed := cmd.Flags().Changed
	for _, o := range server.BadgerOptions() {
		if !changed(o.Flag) {
			continue
		}
		if err := c.SetBadgerOption(o.Flag, *f.badger[o.Flag]); err != nil {
			return c, base.Mark(base.ClassInvalid, err)
		}
	}
	if changed("data-dir") {
		c.DataDir = f.dataDir
	}
	if changed("listen") {
		c.Listen = f.listen
	}
	if changed("no-aliases") {
		c.NoAliases = f.noAliases
	}
	if changed("insecure") {
		c.Insecure = f.insecure
	}
	return c, nil
}

// loadValid returns the effective configuration if a server takes it.
func (f *configFlags) loadValid(cmd *cobra.Command, env *Env) (server.Config, error) {
	c, err := f.load(cmd, env)
	if err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, withHint(base.Mark(base.ClassInvalid, err), "pando config print shows every value and where it comes from")
	}
	return c, nil
}

// setting is one key of the effective configuration.
type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"` // default, file, the environment variable or the flag
}

// settings lists all keys of c in the order of the struct.
func (f *configFlags) settings(cmd *cobra.Command, env *Env, c *server.Config) ([]setting, error) {
	inFile := make(map[string]bool)
	if f.file != "" {
		data, err := os.ReadFile(f.file)
		if err != nil {
			return nil, err
		}
		var doc map[string]any
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return nil, base.Mark(base.ClassInvalid, err)
		}
		flatten("", doc, inFile)
	}
	var out []setting
	walk(reflect.ValueOf(c).Elem(), "", func(key, value string) {
		s := setting{Key: key, Value: value, Source: "default"}
		name := "PANDO_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		flag, alias := flagOf[key], badgerOption(key)
		switch {
		case flag != "" && cmd.Flags().Changed(flag):
			s.Source = "--" + flag
		case alias.Flag != "" && cmd.Flags().Changed(alias.Flag):
			s.Source = "--" + alias.Flag
		case env.has(name):
			s.Source = name
		case alias.Flag != "" && env.has(alias.Env()):
			s.Source = alias.Env()
		case inFile[key], alias.Block != "" && inFile["storage.badger."+alias.Block]:
			s.Source = f.file
		}
		out = append(out, s)
	})
	return out, nil
}

// badgerOption returns Jaeger's option for a key, or the zero one.
func badgerOption(key string) server.BadgerOption {
	for _, o := range server.BadgerOptions() {
		if o.Key == key {
			return o
		}
	}
	return server.BadgerOption{}
}

func (e *Env) has(name string) bool {
	for _, kv := range e.Environ {
		if strings.HasPrefix(kv, name+"=") {
			return true
		}
	}
	return false
}

// flatten collects the dotted paths of a document's leaves.
func flatten(prefix string, doc map[string]any, into map[string]bool) {
	for key, value := range doc {
		if inner, ok := value.(map[string]any); ok {
			flatten(prefix+key+".", inner, into)
			continue
		}
		into[prefix+key] = true
	}
}

// walk visits the leaves of a configuration struct.
func walk(v reflect.Value, prefix string, visit func(key, value string)) {
	for i := range v.NumField() {
		key := prefix + v.Type().Field(i).Tag.Get("yaml")
		field := v.Field(i)
		if m, ok := reflect.TypeAssert[encoding.TextMarshaler](field); ok {
			text, err := m.MarshalText()
			if err != nil {
				text = []byte(err.Error())
			}
			visit(key, string(text))
			continue
		}
		if field.Kind() == reflect.Pointer { // other names for what is here
			continue
		}
		if field.Kind() == reflect.Struct {
			walk(field, key+".", visit)
			continue
		}
		visit(key, fmt.Sprint(field.Interface()))
	}
}
