package expression

import (
	"unicode"
	"unicode/utf16"
)

// maxWordUnits is the longest word a text search takes, in UTF-16 units.
const maxWordUnits = 255

// isWord says whether s can be an element of phrase and fulltext: a non-empty
// run of letters, digits and combining marks of at most maxWordUnits.
func isWord(s string) bool {
	units := 0
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			return false
		}
		units += utf16.RuneLen(r)
	}
	return 0 < units && units <= maxWordUnits
}
