package house

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/server"
)

// row is a line of a table whose first two cells are code: a key and its value.
var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|")

// TestConfigurationIsDocumented compares the README's table with the defaults,
// both ways.
func TestConfigurationIsDocumented(t *testing.T) {
	documented := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(section(t, "../../README.md", "## Configuration"), -1) {
		documented[m[1]] = m[2]
	}
	defaults := server.DefaultConfig()
	visitKeys(reflect.ValueOf(&defaults).Elem(), "", func(key string, value reflect.Value) {
		text, ok := documented[key]
		delete(documented, key)
		if !ok {
			t.Errorf("README.md: configuration key %s is not documented", key)
			return
		}
		if err := sameValue(value, text); err != nil {
			t.Errorf("README.md: configuration key %s: %v", key, err)
		}
	})
	for key := range documented {
		t.Errorf("README.md: there is no configuration key %s", key)
	}
}

// visitKeys calls visit for every leaf of a configuration struct.
func visitKeys(v reflect.Value, prefix string, visit func(key string, value reflect.Value)) {
	for i := range v.NumField() {
		key := prefix + v.Type().Field(i).Tag.Get("yaml")
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			visitKeys(f, key+".", visit)
		case reflect.Pointer: // other names for what is here
		default:
			visit(key, f)
		}
	}
}

// sameValue compares a documented default, read as the configuration would read
// it, with the real one.
func sameValue(want reflect.Value, text string) error {
	if rest, ok := strings.CutPrefix(text, "~"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		text = home + rest
	}
	got := reflect.New(want.Type())
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](got); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return err
		}
	} else if want.Kind() == reflect.String {
		got.Elem().SetString(strings.Trim(text, `"`))
	} else if _, err := fmt.Sscan(text, got.Interface()); err != nil {
		return err
	}
	if got.Elem().Interface() != want.Interface() {
		return fmt.Errorf("documented as %s, which is %v; it is %v", text, got.Elem(), want)
	}
	return nil
}

// section returns the text below a heading, up to the next of the same level.
func section(t *testing.T, path, heading string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", path, heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}
