package fn

import (
	"strings"
	"sync"

	"github.com/ua-parser/uap-go/uaparser"

	"sextant/table"
)

// agents holds the compiled patterns by which user agents are told apart. They
// take a second to compile, so only a query that needs them does.
var agents = sync.OnceValue(func() *uaparser.Parser {
	p, err := uaparser.New()
	if err != nil {
		return nil
	}
	return p
})

// maxAgent is the longest user agent that is looked at.
const maxAgent = 4096

func parseUserAgent(a []table.Value) table.Value {
	p := agents()
	agent := a[0].Str()
	if p == nil || agent == "" || len(agent) > maxAgent {
		return nullDynamic
	}
	asked := map[string]bool{}
	eachText(a[1:], func(s string) bool {
		asked[strings.ToLower(s)] = true
		return true
	})
	all := len(a) == 1
	bag := func(kv ...string) *table.Object {
		o := &table.Object{}
		for i := 0; i < len(kv); i += 2 {
			o.Set(kv[i], kv[i+1])
		}
		return o
	}
	out := &table.Object{}
	if all || asked["browser"] {
		u := p.ParseUserAgent(agent)
		out.Set("Browser", bag("Family", u.Family, "MajorVersion", u.Major, "MinorVersion", u.Minor, "Patch", u.Patch))
	}
	if all || asked["os"] {
		o := p.ParseOs(agent)
		out.Set("OperatingSystem", bag("Family", o.Family, "MajorVersion", o.Major, "MinorVersion", o.Minor, "Patch", o.Patch, "PatchMinor", o.PatchMinor))
	}
	if all || asked["device"] {
		d := p.ParseDevice(agent)
		out.Set("Device", bag("Family", d.Family, "Brand", d.Brand, "Model", d.Model))
	}
	return table.DynamicValue(out)
}
