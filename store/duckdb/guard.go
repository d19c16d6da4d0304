package duckdb

/*
#include <stdint.h>

// In guard.cc.
int sextant_assign(void *vec, uint64_t index, const char *text, uint64_t len);
int sextant_validity(void *vec);
int sextant_list(void *vec, uint64_t size);
*/
import "C"

import (
	"unsafe"

	capi "github.com/duckdb/duckdb-go-bindings"
)

// What writes into DuckDB's vectors may find its memory used up: that ends the query.

// assign copies a text, which is not empty, into a vector's heap and lets cell i hold it.
func assign(vec capi.Vector, i int, text []byte) error {
	if C.sextant_assign(vec.Ptr, C.uint64_t(i), (*C.char)(unsafe.Pointer(&text[0])), C.uint64_t(len(text))) != 0 {
		return errNoMemory
	}
	return nil
}

// writableValidity gives the vector a mask.
func writableValidity(vec capi.Vector) error {
	if C.sextant_validity(vec.Ptr) != 0 {
		return errNoMemory
	}
	return nil
}

// resizeList makes room for all elements of a list vector.
func resizeList(vec capi.Vector, size int) error {
	if C.sextant_list(vec.Ptr, C.uint64_t(size)) != 0 {
		return errNoMemory
	}
	return nil
}
