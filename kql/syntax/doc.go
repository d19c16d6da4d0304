// Package syntax reads and writes KQL: an exact tree of what was written, with
// a place on every node, and a printer whose output reads back as the same tree.
package syntax
