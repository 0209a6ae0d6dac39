package tidy

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

const layersFile = "layers.txt"

// room is one line of layers.txt.
type room struct {
	floor float64
	dirs  []string // patterns
}

// plan is the parsed layers.txt.
type plan []room

// readPlan parses layers.txt; lines it does not understand come back as sentences.
func readPlan(text string) (p plan, bad []string) {
	line := 0
	for l := range strings.Lines(text) {
		line++
		l, _, _ = strings.Cut(l, "#")
		words := strings.Fields(l)
		if len(words) == 0 {
			continue
		}
		floor, err := strconv.ParseFloat(words[0], 64)
		if err != nil || len(words) < 2 || floor < 1 {
			bad = append(bad, fmt.Sprintf("%s:%d: want a floor and directories, such as `4 internal/column`", layersFile, line))
			continue
		}
		p = append(p, room{floor: floor, dirs: words[1:]})
	}
	return p, bad
}

// floor returns the floor of a directory: by name, else by the first pattern.
func (p plan) floor(dir string) (float64, bool) {
	for _, r := range p {
		if slices.Contains(r.dirs, dir) {
			return r.floor, true
		}
	}
	for _, r := range p {
		for _, d := range r.dirs {
			if ok, err := path.Match(d, dir); ok && err == nil {
				return r.floor, true
			}
			if top, ok := strings.CutSuffix(d, "/..."); ok && (dir == top || strings.HasPrefix(dir, top+"/")) {
				return r.floor, true
			}
		}
	}
	return 0, false
}

// floorsAreRespected demands a floor for every package, and of every import of
// ours that it leads to a lower one.
func floorsAreRespected(t *tree) []string {
	p, found := readPlan(t.content(layersFile))
	for _, pk := range t.packages {
		floor, ok := p.floor(pk.dir)
		if !ok {
			found = append(found, fmt.Sprintf("%s: the package has no floor: give it one in %s", pk.dir, layersFile))
			continue
		}
		found = append(found, importsAbove(t, p, pk, floor)...)
	}
	return found
}

func importsAbove(t *tree, p plan, pk *pkg, floor float64) (found []string) {
	for _, f := range pk.sources() {
		for _, imp := range f.imports {
			dir, ours := strings.CutPrefix(imp, t.module+"/")
			if !ours {
				continue
			}
			if below, ok := p.floor(dir); ok && below >= floor {
				found = append(found, fmt.Sprintf("%s: floor %g imports %s of floor %g: move what they share down, or declare an interface and let internal/server inject it", f.path, floor, dir, below))
			}
		}
	}
	return found
}

// sharedRooms are what the gateways of one family of protocols have in common, on
// floors of their own below them.
var sharedRooms = []string{"internal/gateway/jaeger/serve", "internal/gateway/jaeger/wire"}

// gatewaysStayApart forbids gateways to import an engine, or each other's rooms.
func gatewaysStayApart(t *tree) (found []string) {
	for _, pk := range t.packages {
		gateway, ok := gatewayOf(pk.dir)
		if !ok {
			continue
		}
		for _, f := range pk.sources() {
			for _, imp := range f.imports {
				dir, ours := strings.CutPrefix(imp, t.module+"/")
				other, isGateway := gatewayOf(dir)
				switch {
				case !ours || slices.Contains(sharedRooms, dir):
				case strings.HasPrefix(dir, "internal/engine/"):
					found = append(found, fmt.Sprintf("%s: a gateway imports %s: it translates, and reaches data through the interface that it declares", f.path, dir))
				case isGateway && other != gateway:
					found = append(found, fmt.Sprintf("%s: gateway %s imports gateway %s: move what they share to a floor below", f.path, gateway, other))
				}
			}
		}
	}
	return found
}

// gatewayOf returns the name of the gateway that a directory belongs to.
func gatewayOf(dir string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(dir, "internal/gateway/")
	name, _, _ = strings.Cut(rest, "/")
	return name, ok
}
