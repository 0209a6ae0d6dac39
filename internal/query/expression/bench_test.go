package expression

import "testing"

const benchText = `resource.service = "cart" and span.duration > 2s and not (span.status = error or http.status_code in (500, 503)) and some event (event.name = "exception" and event.exception.type ~ "Timeout")`

func BenchmarkParse(b *testing.B) {
	b.SetBytes(int64(len(benchText)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(benchText); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSON(b *testing.B) {
	c, err := Parse(benchText)
	if err != nil {
		b.Fatal(err)
	}
	data := c.AppendJSON(nil)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	c, err := Parse(benchText)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	c, err := Parse(benchText)
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = c.AppendJSON(dst[:0])
	}
	b.SetBytes(int64(len(dst)))
}
