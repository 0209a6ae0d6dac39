// Package mergepolicy picks which parts of a segment to merge. It is pure: parts
// in, a pick out.
//
// Parts live on three levels inside their segment (Khronos's LSM, seed row C11):
//
//	level 0  flushed memtables                  ──┐ FanIn of them
//	level 1  merged once                        ◄─┘ ──┐ FanIn of them
//	level 2  final size, up to MaxRows              ◄─┘
//
// So a row is written three times in the steady state. Two more rules keep the
// number of parts small without rewriting much: level-2 parts that late data
// left small merge with each other once no input is larger than the others
// together, and a segment that went quiet (Quiet set by the caller) merges all
// that fits into final parts.
//
// Inputs of a pick are neighbours in age, so parts stay narrow in arrival time,
// which for live traffic means narrow in event time: a query for the last ten
// minutes opens the youngest parts only.
package mergepolicy
