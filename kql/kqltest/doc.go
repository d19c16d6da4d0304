// Package kqltest runs KQL scripts against an engine. A script is a document that
// a user of the language could write: tables, queries, and what they answer. Every
// way of running a query — the evaluator in Go, each store, each place where a plan
// can be cut in two — runs the same scripts.
//
// A script is made of blocks with empty lines between them. A line that starts with
// # is a comment.
//
//	table Sign(Time:datetime, User:string, Code:int)
//	2026-01-01T00:00:00Z  ann  0
//	2026-01-01T00:01:00Z  bob  50126
//	----
//
//	query
//	Sign | where Code != 0 | summarize n = count() by User
//	----
//	User:string  n:long
//	bob          1
//
//	plan
//	Sign | where Code != 0 | take 5
//	----
//	Scan Sign | where (Code != 0) | take 5
//
//	error
//	Sign | where Cod == 0
//	----
//	1:14: …
//
// A table stays for the rest of the script; one of the same name replaces it.
// Columns stand two spaces or more apart. null is the null of a column that is no
// string. A string stands as it is, or in double quotes with JSON's escapes: so
// must the empty string, one with two spaces in a row or blanks at an end, and one
// that starts with a quote, a bracket or #. A dynamic is its JSON text, a datetime
// has any form that KQL reads, a real is compared to nine digits.
//
// The rows of a query are in any order unless the query sorts (sort, top and what
// keeps their order behind them). Rows that tie in the sort must not be told apart.
//
// A query that cannot be understood answers with its diagnostics, one a line, as
// line:column: text; note; note. A query that fails while it runs answers with the
// text alone.
//
// A line "skip reason" before a block makes a failure of that block be counted and
// not fail the test; "skip(duckdb) reason" does so for the engine of that name. A
// block that passes in spite of its skip fails the test: the skip must go.
//
// With -update, a test that passes [Accept] rewrites the answers of its scripts; a
// person reads the difference.
package kqltest
