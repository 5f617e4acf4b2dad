package history

import (
	"reflect"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// mask masks the credentials in every text below a value, so that no field is left out, nor one that is added later.
func mask(value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !value.IsNil() {
			mask(value.Elem())
		}
	case reflect.String:
		value.SetString(escape.MaskCredentials(value.String()))
	case reflect.Slice:
		for i := range value.Len() {
			mask(value.Index(i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() { // whose elements cannot be set
			clean := reflect.New(value.Type().Elem()).Elem()
			clean.Set(value.MapIndex(key))
			mask(clean)
			value.SetMapIndex(key, clean)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if field := value.Field(i); field.CanSet() {
				mask(field)
			}
		}
	default: // numbers
	}
}
