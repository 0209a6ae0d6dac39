package columnar

import (
	"bytes"
	"slices"
)

// topList keeps the best keys seen so far: a heap with the worst on top and a
// map from key to place.
type topList struct {
	limit   int
	tieFrom int
	after   *Top // only what comes after it enters; nil lets all
	heap    []Top
	at      map[string]int
}

func (t *topList) full() bool { return len(t.heap) == t.limit }

// mayEnter reports whether a value in [lo, hi] could still enter or improve the
// list.
func (t *topList) mayEnter(lo, hi int64) bool {
	if t.after != nil {
		if lo > t.after.Value {
			return false
		}
		hi = min(hi, t.after.Value)
	}
	return !t.full() || hi >= t.heap[0].Value
}

// offer adds the key or raises its value. The key is copied when kept.
func (t *topList) offer(key []byte, value int64) {
	switch {
	case t.full() && value < t.heap[0].Value:
		return
	case t.after != nil && CompareTops(Top{Key: key, Value: value}, *t.after, t.tieFrom) <= 0:
		return
	}
	if i, ok := t.at[string(key)]; ok {
		if value > t.heap[i].Value {
			t.heap[i].Value = value
			t.down(i)
		}
		return
	}
	if !t.full() {
		x := Top{Key: bytes.Clone(key), Value: value}
		t.heap = append(t.heap, x)
		t.at[string(x.Key)] = len(t.heap) - 1
		t.up(len(t.heap) - 1)
		return
	}
	if CompareTops(Top{Key: key, Value: value}, t.heap[0], t.tieFrom) >= 0 {
		return
	}
	delete(t.at, string(t.heap[0].Key))
	t.heap[0] = Top{Key: bytes.Clone(key), Value: value}
	t.at[string(key)] = 0
	t.down(0)
}

// worse reports whether entry i ranks behind entry j.
func (t *topList) worse(i, j int) bool { return CompareTops(t.heap[i], t.heap[j], t.tieFrom) > 0 }

func (t *topList) swap(i, j int) {
	t.heap[i], t.heap[j] = t.heap[j], t.heap[i]
	t.at[string(t.heap[i].Key)], t.at[string(t.heap[j].Key)] = i, j
}

func (t *topList) up(i int) {
	for i > 0 && t.worse(i, (i-1)/2) {
		t.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (t *topList) down(i int) {
	for {
		k := 2*i + 1
		if k >= len(t.heap) {
			return
		}
		if k+1 < len(t.heap) && t.worse(k+1, k) {
			k++
		}
		if !t.worse(k, i) {
			return
		}
		t.swap(i, k)
		i = k
	}
}

func (t *topList) sorted() []Top {
	slices.SortFunc(t.heap, func(a, b Top) int { return CompareTops(a, b, t.tieFrom) })
	return t.heap
}
