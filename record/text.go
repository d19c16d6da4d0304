package record

// TextOrNull is a text as JSON says it where a record has none: null, not "".
func TextOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
