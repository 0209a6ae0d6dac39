package expression

import (
	"reflect"
	"testing"
)

// checkRoundTrips takes a valid filter through both forms and back.
func checkRoundTrips(t *testing.T, c *Call) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatalf("Validate: %v\n%s", err, c.AppendJSON(nil))
	}
	text := c.String()
	parsed, err := Parse(text)
	if err != nil {
		t.Fatalf("Parse(%s): %v\n%s", text, err, c.AppendJSON(nil))
	}
	if !reflect.DeepEqual(parsed, c) {
		t.Fatalf("Parse(%s)\n     = %s\nwant   %s", text, parsed.AppendJSON(nil), c.AppendJSON(nil))
	}
	encoded := c.AppendJSON(nil)
	decoded, err := ParseJSON(encoded)
	if err != nil {
		t.Fatalf("ParseJSON(%s): %v", encoded, err)
	}
	if !reflect.DeepEqual(decoded, c) {
		t.Fatalf("ParseJSON(%s) = %s", encoded, decoded.AppendJSON(nil))
	}
}

func TestRandomFiltersSurviveBothForms(t *testing.T) {
	for seed := range uint64(5000) {
		c := newGenerator(seed).filter(1 + int(seed%6))
		checkRoundTrips(t, c)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestNormalizePutsReferencesFirst(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		c, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%s): %v", text, err)
		}
		before := c.String()
		got := c.Normalize()
		if got.String() != want {
			t.Errorf("Normalize(%s) = %s, want %s", text, got, want)
		}
		if c.String() != before {
			t.Errorf("Normalize(%s) changed its filter to %s", text, c)
		}
		if again := got.Normalize(); !reflect.DeepEqual(again, got) {
			t.Errorf("Normalize twice(%s) = %s", text, again)
		}
	}
	f(`5 < size`, `size > 5`)
	f(`5 > size`, `size < 5`)
	f(`5 <= size`, `size >= 5`)
	f(`5 >= size`, `size <= 5`)
	f(`"a" = http.method`, `http.method = "a"`)
	f(`int:5 != span["x"]`, `span.x != int:5`)
	f(`size > 5`, `size > 5`)
	f(`1 = 1`, `1 = 1`)
	f(`a = attr["b"]`, `a = attr["b"]`)
	f(`not (2s < duration or some event (5 = x))`, `not (span.duration > 2s or some event (x = 5))`)
	for seed := range uint64(500) {
		c := newGenerator(seed).filter(4).Normalize()
		checkRoundTrips(t, c)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, depth uint8) {
		checkRoundTrips(t, newGenerator(seed).filter(1+int(depth%8)))
	})
}

func FuzzParse(f *testing.F) {
	for _, form := range forms {
		f.Add(form.text)
	}
	for _, bad := range badTexts {
		f.Add(bad.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkRoundTrips(t, c)
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, form := range forms {
		f.Add([]byte(form.json))
	}
	for _, bad := range badJSON {
		f.Add([]byte(bad.json))
	}
	for _, bad := range badFilters {
		f.Add([]byte(bad.json))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseJSON(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if err := c.Validate(); err != nil {
			checkRefusal(t, err)
			return
		}
		checkRoundTrips(t, c)
	})
}
