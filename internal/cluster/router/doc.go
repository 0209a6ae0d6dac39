// Package router sends batches and questions to the tablets they concern and
// joins the answers.
//
//	Write(batch)  rows by placement key ─► one batch per tablet ─► one proposal
//	              per replication group; acknowledged when all are
//	TopKeys …     to every tablet at once ─► partial answers ─► merged exactly
//	TopRows       where are your first rows? ─► places merged ─► those rows read
//
// A Group is the router's face for one group of the catalog: it satisfies the
// interfaces that query front ends declare. Tablets are on this node; a remote
// one would be reached through the same two calls, Write and View.
package router
