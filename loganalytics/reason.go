package loganalytics

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// jsonReason says in the words of who wrote it what is wrong with a JSON text.
func jsonReason(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		at := "it"
		if name := strings.TrimPrefix(kind.Field, "."); name != "" {
			at = name
		}
		value, _, _ := strings.Cut(kind.Value, " ") // a number comes with its digits
		return fmt.Sprintf("%s is %s where %s belongs", at, called(value), called(kind.Type.Kind().String()))
	case errors.As(err, &syntax):
		return fmt.Sprintf("%v, at byte %d", err, syntax.Offset)
	}
	return err.Error()
}

// called in plain words is a kind of value, of JSON's or of ours.
func called(kind string) string {
	switch kind {
	case "object", "struct", "map":
		return "an object"
	case "array", "slice":
		return "a list"
	case "bool":
		return "true or false"
	case "string":
		return "a string"
	case "int", "int32", "int64":
		return "a whole number"
	}
	return "a number"
}
