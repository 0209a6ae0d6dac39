// Package jobs runs the background work of a node (flushes, merges, retention,
// scrubbing) in one bounded, prioritised pool, instead of in goroutines of
// every tablet.
//
//	Scope (a tablet) ─┐
//	Scope (a tablet) ─┼─► Submit ─► [urgent  f f      ]
//	Scope (the node) ─┘             [high    m        ] ─► at most Workers at once,
//	                                [normal  M M M    ]    of which each step down in
//	                                [low     r        ]    priority may use one less
//
// Rules:
//
//   - A worker takes the oldest job of the highest priority that may run.
//     Strictly: a saturated pool starves its lowest priorities, and whoever
//     fills it must throttle its writers.
//   - Of W workers, jobs of priority urgent may use all, those of high and
//     below together W-1, of normal and below W-2, of low W-3; always at least
//     one. So a flush never waits for merges, and small merges never wait for
//     a large one, however long it runs. W is at least 3 for that reason.
//   - A job is identified by (scope, kind, key). Submitting a job that is
//     already queued does nothing; submitting one that is running queues it
//     once more, to start after that run ends. So no work is lost and no two
//     runs of one identity overlap. It follows that Run decides what to do
//     when it starts, not when it is submitted.
//   - A panic in a job becomes an error of class bug and the pool lives. In
//     builds with the invariants tag it ends the process, so that tests see it.
//   - Queues are bounded; a full pool answers with an overload error.
//
// There are no idle goroutines: a job has one while it runs. Start reading at
// pool.go; the choice of the next job is queue.go.
package jobs
