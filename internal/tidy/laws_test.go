package tidy

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

// laws are all laws. Each returns one sentence per violation.
var laws = []struct {
	name string
	find func(*tree) []string
}{
	{"floors", floorsAreRespected},
	{"gateways", gatewaysStayApart},
	{"wire", wireStaysUpstairs},
	{"owners", librariesHaveOneOwner},
	{"files", filesGoThroughVFS},
	{"dependencies", dependenciesAreFew},
	{"replace", nothingIsReplaced},
	{"adr", dependenciesAreExplained},
	{"length", filesAndFunctionsAreShort},
	{"comment", packagesSayWhatTheyAre},
	{"sleep", testsDoNotSleep},
	{"root", rootIsTidy},
	{"blobs", blobsAreSmall},
	{"paths", noPathsOfOneMachine},
	{"links", linksLeadSomewhere},
	{"lives", livesFollowTheCode},
}

// TestLaws applies every law to the repository.
func TestLaws(t *testing.T) {
	repository := mustRead(t, os.DirFS("../.."))
	for _, law := range laws {
		t.Run(law.name, func(t *testing.T) {
			for _, sentence := range law.find(repository) {
				t.Error(sentence)
			}
		})
	}
}

// TestEveryLawIsTried demands a violation in TestLawsFindViolations of each law.
func TestEveryLawIsTried(t *testing.T) {
	tried := map[string]bool{}
	for _, v := range violations {
		tried[v.law] = true
	}
	for _, law := range laws {
		if !tried[law.name] {
			t.Errorf("law %s: add a tree that breaks it to violations", law.name)
		}
	}
}

// TestLawsFindViolations breaks each law in a tree of a few files and compares
// the sentences.
func TestLawsFindViolations(t *testing.T) {
	for _, v := range violations {
		t.Run(v.law, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, text := range v.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
			}
			small := mustRead(t, fsys)
			for _, law := range laws {
				if law.name == v.law {
					compare(t, law.find(small), v.want)
				}
			}
		})
	}
}

func compare(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("not expected: %s", got[i])
		case got[i] != want[i]:
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

func mustRead(t *testing.T, fsys fs.FS) *tree {
	t.Helper()
	tr, err := readTree(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
