// Package access decides who may do what: the directory's objects (Accounts), what
// each report asks for (Policy), and the one decision (Policy.Decide) that every face
// asks for.
package access
