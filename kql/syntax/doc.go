// Package syntax reads and writes KQL, the whole language: an exact tree of what
// was written, a place on every node, and a printer whose output reads back as the
// same tree.
//
//	file, diags := syntax.Parse(text)
//	if diags.Err() != nil { fmt.Print(fault.Render(text, diags)) }
//
// # The tree
//
// A [File] is a list of statements ([Stmt]); a query is a [QueryStmt]. Values are
// [Expr], tables and scalars alike: the grammar cannot tell `T` the table from `T` the
// column, that is the binder's business. A [Pipe] has a source and operators, one
// type each ([Operator]); a query without an operator is its source alone, so that
// `T` is a [Name] and `T | take 1` a Pipe. A pipe that begins with an operator (print,
// range, union, and all within mv-apply, fork, facet) has no source.
//
// Parentheses are nodes ([Paren]), aliases are not: filter is a [Where], order a
// [Sort], limit a [Take], notcontains a "!contains" [Binary], int64(5) a long. Which
// word stood there is in the text under the node's span.
//
// Options of operators (kind=inner, hint.strategy=shuffle) are [Params] in the order
// written; Params.Get and Params.Word look them up. Values of options are words as
// often as they are columns, so a word is a [Name] there.
//
// A [Literal] has its kind and its text, not its value: what datetime(…) or long(…)
// holds is checked by who knows the type's rules. dynamic(…) is the exception: its
// JSON is a tree, since it may hold datetimes, timespans and more dynamic.
//
// # What is accepted
//
// What Microsoft's parser accepts, to the word: which keywords may be names where
// ([wordClass]), that `a == b == c` is an error, that materialize(…) stands only behind
// `let x =`. The few differences are deliberate:
//
//   - {placeholder}, which workbooks and dashboards fill in before they send a query,
//     is an error here (SYN0007), with a tree as if it were a name; theirs leaves it to the binder.
//   - [x] as a list is an error here; theirs takes it and the binder refuses it.
//   - typeof(x) with an unknown type is an error here already.
//   - any blank may stand between `matches` and `regex`.
//   - `count as take` is taken, though take is a keyword.
//   - management commands (.show …) are not read.
//
// # Errors
//
// Parse reports all it finds, up to a limit, and goes on behind each: an operator
// that cannot be read becomes a [BadOperator] and the next one is read as usual. A
// place where two errors would be reported gets one. Codes are stable:
//
//	SYN0001  a text, number or character that cannot be read
//	SYN0002  something else was expected here
//	SYN0003  no such operator
//	SYN0004  a bracket that is never closed; the place is the opening one
//	SYN0005  too long, too deep
//	SYN0006  a keyword where a name stands: it needs ['…']
//	SYN0007  a placeholder that nobody filled in
//	SYN0008  no such type
//
// # How it works
//
// The lexer makes one pass and matches brackets, so that recovery can jump over
// them. The parser is a recursive descent over the tokens, one function a
// precedence: or; and; == != in between; < >; + -; * / %; string operators; sign;
// path. String operators bind tighter than arithmetic and do not chain: `a has b + c`
// is (a has b) + c. That surprises, and is the language.
//
// To add an operator: its type in operators.go, a case in knownOperator and its
// words in operatorWords (parse_op.go) and classOf (token.go), a case in printer.op
// and in Walk, and a block in testdata/operators.txt. TestWalkVisitsAll and the round
// trip say what was forgotten.
//
// # Non-obvious
//
//   - A tree printed on one line and on many must read back: a number before a dot
//     needs a blank (5 .a), since 5. is a number.
//   - long(…), datetime(…) and the like are single tokens up to the next ‘)’ on the line,
//     whatever stands between; only without a blank before the parenthesis.
//   - `take`, `count`, `filter` and twenty other operators are names, too. They count as
//     operators only behind a pipe ([parser.startsOperator] decides elsewhere).
//   - Once the limit of errors is reached, the parser sees the end of the text
//     everywhere, but its position moves on: callers may have taken tokens already.
package syntax
