package eval

import (
	"github.com/cockroachdb/apd/v3"

	"sextant/table"
)

// decimalSum adds decimals to 34 digits.
type decimalSum struct{ sum apd.Decimal }

func (d *decimalSum) add(v table.Value) {
	if x := v.Dec(); x != nil {
		var sum apd.Decimal
		if _, err := apd.BaseContext.WithPrecision(34).Add(&sum, &d.sum, x); err == nil {
			d.sum = sum
		}
	}
}

func (d *decimalSum) value() table.Value {
	var out apd.Decimal
	out.Set(&d.sum)
	return table.DecimalValue(&out)
}
