package syntax

import (
	"fmt"
	"reflect"

	"sextant/fault"
)

var spanType = reflect.TypeFor[fault.Span]()

// diff says where two trees differ, apart from places; "" for nowhere.
func diff(a, b any) string { return diffValues("", reflect.ValueOf(a), reflect.ValueOf(b)) }

func diffValues(at string, a, b reflect.Value) string {
	if a.IsValid() != b.IsValid() {
		return fmt.Sprintf("%s: %v against %v", at, a, b)
	}
	if !a.IsValid() {
		return ""
	}
	if a.Type() != b.Type() {
		return fmt.Sprintf("%s: %s against %s", at, a.Type(), b.Type())
	}
	if a.Type() == spanType {
		return ""
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() != b.IsNil() {
			return fmt.Sprintf("%s: nil %t against %t", at, a.IsNil(), b.IsNil())
		}
		return diffValues(at, a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d against %d items", at, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := diffValues(fmt.Sprintf("%s[%d]", at, i), a.Index(i), b.Index(i)); d != "" {
				return d
			}
		}
	case reflect.Struct:
		for i := range a.NumField() {
			if d := diffValues(at+"."+a.Type().Field(i).Name, a.Field(i), b.Field(i)); d != "" {
				return d
			}
		}
	default:
		if !a.Equal(b) {
			return fmt.Sprintf("%s: %v against %v", at, a, b)
		}
	}
	return ""
}
