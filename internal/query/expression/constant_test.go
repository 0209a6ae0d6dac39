package expression

import (
	"testing"
	"time"
)

func TestConstantsAreRead(t *testing.T) {
	if v, err := (&Scalar{Value: "-7"}).Int(); v != -7 || err != nil {
		t.Errorf("Int() = %d, %v", v, err)
	}
	if v, err := (&Scalar{Value: "1e3"}).Double(); v != 1000 || err != nil {
		t.Errorf("Double() = %g, %v", v, err)
	}
	if v, err := (&Scalar{Value: "true"}).Bool(); !v || err != nil {
		t.Errorf("Bool() = %v, %v", v, err)
	}
	if v, err := (&Scalar{Value: "1m2s"}).Duration(); v != 62*time.Second || err != nil {
		t.Errorf("Duration() = %s, %v", v, err)
	}
	want := time.Date(2026, 8, 16, 18, 56, 20, 123456789, time.UTC)
	if v, err := (&Scalar{Value: "2026-08-16T20:56:20.123456789+02:00"}).Timestamp(); !v.Equal(want) || err != nil {
		t.Errorf("Timestamp() = %s, %v", v, err)
	}
	l := &List{Values: []string{"a", "2"}, Type: TypeInt}
	if got := l.At(1); got != (Scalar{Value: "2", Type: TypeInt}) {
		t.Errorf("At(1) = %v", got)
	}
}
