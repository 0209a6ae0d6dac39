package server_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/pandodb/pando/internal/gen/storagev2pb"
	"github.com/pandodb/pando/internal/server"
)

// TestArchiveAddress: what is written at the archive's address is there and
// nowhere else.
func TestArchiveAddress(t *testing.T) {
	s, err := tryStart(t, func(c *server.Config) {
		c.Storage.Ephemeral, c.Jaeger.ArchiveListen = true, "127.0.0.1:0"
	})
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(s.Aliases()[len(s.Aliases())-1])
	addr := words[len(words)-1]
	send(t, addr, corpusOf(3))
	services := func(addr string) int {
		t.Helper()
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		res, err := storagev2pb.NewTraceReaderClient(conn).GetServices(t.Context(), &storagev2pb.GetServicesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return len(res.GetServices())
	}
	if here, there := services(s.Addr()), services(addr); here != 0 || there == 0 {
		t.Errorf("%d services at the main address, %d at the archive's", here, there)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = tryStart(t, func(c *server.Config) { c.Storage.Ephemeral, c.Jaeger.ArchiveListen = true, "0.0.0.0:1" })
	if err == nil {
		t.Error("an address for everybody was taken")
	}
}
