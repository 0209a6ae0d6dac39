package block

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

func TestPageRoundTrip(t *testing.T) {
	for _, payload := range []string{"", "a", "some longer payload of a page"} {
		page := AppendPage([]byte("before"), 42, []byte(payload))
		got, err := CheckPage(page[6:], 42)
		if err != nil || string(got) != payload || len(page) != 6+len(payload)+TrailerSize {
			t.Errorf("%q came back as %q, %v", payload, got, err)
		}
	}
}

func TestPageChecksumIsCRC32COfIdentityAndPayload(t *testing.T) {
	whole := binary.LittleEndian.AppendUint64(nil, 0x0123456789ABCDEF)
	whole = append(whole, "payload"...)
	want := crc32.Checksum(whole, crc32.MakeTable(crc32.Castagnoli))
	if got := pageSum(0x0123456789ABCDEF, []byte("payload")); got != want {
		t.Errorf("%08x, want %08x", got, want)
	}
}

func TestPageGolden(t *testing.T) {
	page := AppendPage(nil, PageIdentity(7, 4096), []byte{1, 2, 3})
	if got, want := hex.EncodeToString(page), "0102030d5daa84"; got != want {
		t.Errorf("page is %s, want %s: bytes on disk changed", got, want)
	}
}

func TestCheckPageFindsEveryBitFlip(t *testing.T) {
	page := AppendPage(nil, PageIdentity(1, 2), []byte("payload"))
	for bit := range 8 * len(page) {
		damaged := bytes.Clone(page)
		damaged[bit/8] ^= 1 << (bit % 8)
		if _, err := CheckPage(damaged, PageIdentity(1, 2)); !base.IsCorruption(err) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
	}
	for size := range page {
		if _, err := CheckPage(page[:size], PageIdentity(1, 2)); !base.IsCorruption(err) {
			t.Errorf("cut to %d: %v", size, err)
		}
	}
}

func TestCheckPageFindsMisplacedPage(t *testing.T) {
	page := AppendPage(nil, PageIdentity(1, 4096), []byte("payload"))
	for _, identity := range []uint64{PageIdentity(1, 0), PageIdentity(2, 4096), PageIdentity(4096, 1)} {
		if _, err := CheckPage(page, identity); !base.IsCorruption(err) {
			t.Errorf("accepted elsewhere: %v", err)
		}
	}
}

func FuzzCheckPage(f *testing.F) {
	f.Add(AppendPage(nil, 9, []byte("payload")), uint64(9))
	f.Fuzz(func(t *testing.T, src []byte, identity uint64) {
		payload, err := CheckPage(src, identity)
		if err == nil && !bytes.Equal(AppendPage(nil, identity, payload), src) {
			t.Fatal("accepted bytes that were not written")
		}
	})
}

func BenchmarkCheckPage(b *testing.B) {
	page := AppendPage(nil, 42, make([]byte, 16<<10))
	b.ReportAllocs()
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		if _, err := CheckPage(page, 42); err != nil {
			b.Fatal(err)
		}
	}
}
