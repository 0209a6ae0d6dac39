// Package splitfs keeps some files of a directory tree on another disk.
//
// It joins two roots of one file system into one tree. A directory exists under
// both; a file lies under the second root when its name is one of those chosen,
// else under the first:
//
//	tablets/…/0001/data.bin    first/tablets/…/0001/data.bin
//	tablets/…/0001/index.seg   second/tablets/…/0001/index.seg
//
// So the index of parts can have a fast disk of its own while their values lie
// on a large one. Nothing above the file system knows.
//
// A rename or removal of a directory is two steps. The second root goes first in
// a rename, the first root first in a removal: what a crash leaves in between is
// a directory whose files are not all there, under a name that no manifest has
// or has any more; List shows it from either root, so that it can be removed.
package splitfs
