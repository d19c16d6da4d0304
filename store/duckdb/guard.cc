// DuckDB's C interface lets exceptions out where memory is short. One that meets a
// frame of Go ends the process; here it becomes a result.

#include <cstdint>

extern "C" {

void duckdb_unsafe_vector_assign_string_element_len(void *vec, uint64_t index, const char *text, uint64_t len);
void duckdb_vector_ensure_validity_writable(void *vec);
int duckdb_list_vector_reserve(void *vec, uint64_t capacity);
int duckdb_list_vector_set_size(void *vec, uint64_t size);

// Each gives 0 when it is done, 1 when it failed.

int sextant_assign(void *vec, uint64_t index, const char *text, uint64_t len) {
	try {
		duckdb_unsafe_vector_assign_string_element_len(vec, index, text, len);
		return 0;
	} catch (...) {
		return 1;
	}
}

int sextant_validity(void *vec) {
	try {
		duckdb_vector_ensure_validity_writable(vec);
		return 0;
	} catch (...) {
		return 1;
	}
}

int sextant_list(void *vec, uint64_t size) {
	try {
		return duckdb_list_vector_reserve(vec, size) || duckdb_list_vector_set_size(vec, size);
	} catch (...) {
		return 1;
	}
}
}
