package trace

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/column"
)

// rowsOfServices returns a trace whose i-th row has the i-th name and service.
func rowsOfServices(t *testing.T, names, services []string) *column.Batch {
	t.Helper()
	spans := make([]Span, len(names))
	for i := range names {
		spans[i] = Span{
			TraceID: ID{1}, SpanID: SpanID{byte(i), byte(i >> 8), byte(i >> 16), 1}, Name: names[i], Scope: &Scope{},
			StartNanos: uint64(i), EndNanos: uint64(i),
			Resource: &Resource{Attrs: []Attr{{Key: "service.name", Value: Value{Kind: KindString, Str: services[i]}}}},
		}
	}
	return sortedBatch(t, spans)
}

// TestNamesDoNotCrowdOutServices: however many operations there were before it, a
// service has counts of its own, and services beyond the bound do not crowd out
// names.
func TestNamesDoNotCrowdOutServices(t *testing.T) {
	var names, services []string
	add := func(name, service string) { names, services = append(names, name), append(services, service) }
	for i := range maxDigestOps + maxDigestServices + 10 {
		add(fmt.Sprint("op ", i), "busy")
	}
	add("op 0", "late")
	f := newDigestFolder()
	if err := f.Add(rowsOfServices(t, names, services)); err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for _, o := range decoded(t, f).Operations {
		for _, c := range o.Cells {
			calls[o.Service] += int(c.Calls)
		}
	}
	if len(calls) != 2 || calls["late"] != 1 || calls["busy"] != len(names)-1 {
		t.Errorf("calls by service: %v", calls)
	}

	names, services = nil, nil
	for i := range maxDigestOps + maxDigestServices + 10 {
		add("", fmt.Sprint("service ", i))
	}
	add("op", "service 0")
	f = newDigestFolder()
	if err := f.Add(rowsOfServices(t, names, services)); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, o := range decoded(t, f).Operations {
		found = found || o.Service == "service 0" && o.Name == "op"
	}
	if !found {
		t.Error("the operation's name is lost")
	}
}

// TestDigestTextsAreBounded: long names are folded before they fill the memory.
func TestDigestTextsAreBounded(t *testing.T) {
	const long = 200 << 10
	var names, services []string
	for i := range 2 * maxDigestTexts / long {
		names, services = append(names, fmt.Sprint(i, strings.Repeat("x", long))), append(services, "s")
	}
	names, services = append(names, "short"), append(services, "late")
	f := newDigestFolder()
	if err := f.Add(rowsOfServices(t, names, services)); err != nil {
		t.Fatal(err)
	}
	bytes, late := 0, false
	d := decoded(t, f)
	for _, text := range d.Texts {
		bytes += len(text)
		late = late || text == "late"
	}
	if !d.Folded || !late || bytes > maxDigestTexts {
		t.Errorf("folded %v, late service %v, %d bytes of texts", d.Folded, late, bytes)
	}
}

// TestChosenIDs: nobody can choose span ids so that looking up the parents of a
// trace takes time by the square of its spans. The ids are those that meet in one
// place of a table that multiplies by the golden ratio.
func TestChosenIDs(t *testing.T) {
	const golden = 0x9e3779b97f4a7c15
	inverse := uint64(1)
	for range 6 { // Newton's iteration: each step doubles the correct bits
		inverse *= 2 - golden*inverse
	}
	rows := make([]digestRow, 1<<17)
	for i := range rows {
		rows[i].id = uint64(i+1) * inverse // times golden: i+1, of which the upper half is zero
	}
	var table rowTable
	table.seed()
	started := time.Now()
	table.fill(rows)
	if took := time.Since(started); took > time.Second {
		t.Errorf("%d rows took %v", len(rows), took)
	}
	for i := range rows {
		if at := table.slots[table.slotOf(rows, rows[i].id)]; at == 0 || rows[at-1].id != rows[i].id {
			t.Fatalf("row %d is not found", i)
		}
	}
}
