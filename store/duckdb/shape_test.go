package duckdb

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"sextant/table"
)

// signIns makes rows of the width, the entropy and the repetition of real
// sign-ins: about a hundred columns, forty promoted paths, some 4 KB as JSON.
type signIns struct {
	def  table.Def
	r    *rand.Rand
	from int64
	step int64
	n    int64
}

func newSignIns(seed uint64, from time.Time, perDay int) *signIns {
	t, _ := table.TicksOf(from)
	return &signIns{def: signInDef(), r: rand.New(rand.NewPCG(seed, 7)), from: t, step: table.TicksPerDay / int64(perDay)}
}

func signInDef() table.Def {
	d := table.Def{Name: "SigninLogs", Time: "TimeGenerated"}
	add := func(t table.Type, names string) {
		for _, n := range strings.Fields(names) {
			d.Columns = append(d.Columns, table.Column{Name: n, Type: t})
		}
	}
	add(table.DateTime, "TimeGenerated CreatedDateTime")
	add(table.String, `TenantId SourceSystem ResourceId OperationName OperationVersion Category ResultType ResultSignature ResultDescription
		CorrelationId Resource ResourceGroup ResourceProvider Identity Level Location AppDisplayName AppId AuthenticationDetails
		AuthenticationProcessingDetails AuthenticationRequirement AuthenticationRequirementPolicies ClientAppUsed ConditionalAccessStatus
		Id IPAddress NetworkLocationDetails OriginalRequestId RiskDetail RiskEventTypes RiskLevelAggregated RiskLevelDuringSignIn RiskState
		ResourceDisplayName ResourceIdentity ServicePrincipalId TokenIssuerName TokenIssuerType UserAgent UserDisplayName UserId
		UserPrincipalName AADTenantId UserType SignInIdentifier ResourceTenantId HomeTenantId UniqueTokenIdentifier SessionId
		AutonomousSystemNumber AuthenticationProtocol CrossTenantAccessType IncomingTokenType Type`)
	add(table.Long, "DurationMs")
	add(table.Real, "_BilledSize")
	add(table.Bool, "IsInteractive IsRisky FlaggedForReview IsTenantRestricted")
	add(table.Dynamic, "ConditionalAccessPolicies DeviceDetail LocationDetails MfaDetail Status TokenProtectionStatusDetails")
	for i := len(d.Columns); i < 95; i++ {
		add(table.String, fmt.Sprintf("Rare%d", i))
	}
	for _, p := range []struct{ col, paths string }{
		{"LocationDetails", "city state countryOrRegion"}, {"DeviceDetail", "deviceId displayName operatingSystem browser trustType"},
		{"Status", "additionalDetails failureReason"}, {"MfaDetail", "authMethod authDetail"},
		{"ConditionalAccessPolicies", "[].id [].displayName [].result"},
		{"AuthenticationDetails", "[].authenticationMethod [].authenticationStepResultDetail"},
	} {
		for _, path := range strings.Fields(p.paths) {
			t := table.String
			if strings.HasPrefix(path, "[].") {
				t = table.Dynamic
			}
			d.Promoted = append(d.Promoted, table.Promoted{Column: p.col, Path: path, Type: t})
		}
	}
	d.Promoted = append(d.Promoted,
		table.Promoted{Column: "LocationDetails", Path: "geoCoordinates.latitude", Type: table.Real},
		table.Promoted{Column: "LocationDetails", Path: "geoCoordinates.longitude", Type: table.Real},
		table.Promoted{Column: "Status", Path: "errorCode", Type: table.Long},
		table.Promoted{Column: "DeviceDetail", Path: "isCompliant", Type: table.Bool},
		table.Promoted{Column: "DeviceDetail", Path: "isManaged", Type: table.Bool})
	for i := len(d.Promoted); i < 40; i++ {
		d.Promoted = append(d.Promoted, table.Promoted{Column: "Status", Path: fmt.Sprintf("rare%d", i), Type: table.String})
	}
	d.IDs = strings.Fields("CorrelationId Id UserId UserPrincipalName AppId IPAddress SessionId UniqueTokenIdentifier OriginalRequestId")
	d.Text = strings.Fields("ConditionalAccessPolicies DeviceDetail LocationDetails MfaDetail Status AuthenticationDetails AuthenticationProcessingDetails NetworkLocationDetails")
	return d
}

func (g *signIns) guid() string {
	a, b := g.r.Uint64(), g.r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// fixedGuid is the same for the same kind and number.
func fixedGuid(kind string, n int) string {
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(kind))*7919+uint64(kind[0])))
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

var (
	shapeCities = []string{"Oslo", "Bergen", "Trondheim", "London", "Dublin", "Amsterdam", "Berlin", "Lyon", "Madrid", "Lisboa", "Zürich", "Chicago"}
	shapeAgents = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
		"python-requests/2.32.3",
	}
	shapeCodes = []int64{0, 0, 0, 0, 0, 0, 0, 0, 50126, 50074, 53003, 70043, 500121, 65001}
	shapeCA    = []string{"success", "notApplied", "notApplied", "notApplied", "reportOnlySuccess", "reportOnlyNotApplied", "failure", "notEnabled"}
)

// batch of n rows; places are offsets from first on in topic, one record an event.
func (g *signIns) batch(n int, topic string, first int64) *table.Batch {
	phys := g.def.Physical()
	b := table.NewBatch(phys, n)
	vals := make([]table.Value, len(phys))
	set := func(name string, v table.Value) { vals[phys.Index(name)] = v }
	str := func(name, s string) { set(name, table.StringValue(s)) }
	for i := range n {
		for c := range phys {
			vals[c] = table.Null(phys[c].Type)
		}
		user, app := g.r.IntN(2000), g.r.IntN(60)*g.r.IntN(10)/9
		home := user % len(shapeCities)
		if g.r.IntN(20) == 0 {
			home = g.r.IntN(len(shapeCities))
		}
		at := g.from + g.n*g.step + g.r.Int64N(g.step)
		g.n++
		code := shapeCodes[g.r.IntN(len(shapeCodes))]
		upn := fmt.Sprintf("user%04d@contoso.example", user)
		ip := fmt.Sprintf("203.0.%d.%d", home*9+user%9, user%250)
		id, corr := g.guid(), g.guid()
		set("TimeGenerated", table.DateTimeValue(at))
		set("CreatedDateTime", table.DateTimeValue(at-g.r.Int64N(300)*table.TicksPerSecond))
		str("TenantId", fixedGuid("w", 1))
		str("SourceSystem", "Azure AD")
		str("ResourceId", "/tenants/"+fixedGuid("t", 1)+"/providers/Microsoft.aadiam")
		str("OperationName", "Sign-in activity")
		str("OperationVersion", "1.0")
		str("Category", "SignInLogs")
		str("ResultType", fmt.Sprint(code))
		str("ResultSignature", "None")
		str("CorrelationId", corr)
		str("Resource", "Microsoft.aadiam")
		str("ResourceGroup", "Microsoft.aadiam")
		str("Identity", fmt.Sprintf("Person Number %d", user))
		str("UserDisplayName", fmt.Sprintf("Person Number %d", user))
		str("Level", "4")
		str("Location", "NO")
		str("AppDisplayName", fmt.Sprintf("Application %d", app))
		str("AppId", fixedGuid("a", app))
		str("AuthenticationRequirement", "singleFactorAuthentication")
		str("ClientAppUsed", "Browser")
		str("ConditionalAccessStatus", "success")
		str("Id", id)
		str("OriginalRequestId", id)
		str("IPAddress", ip)
		str("RiskDetail", "none")
		str("RiskLevelAggregated", "none")
		str("RiskLevelDuringSignIn", "none")
		str("RiskState", "none")
		str("ResourceDisplayName", fmt.Sprintf("Service %d", app%20))
		str("ResourceIdentity", fixedGuid("r", app%20))
		str("TokenIssuerType", "AzureAD")
		str("UserAgent", strings.Replace(shapeAgents[user%len(shapeAgents)], "126", fmt.Sprint(120+user%9), 1))
		str("UserId", fixedGuid("u", user))
		str("UserPrincipalName", upn)
		str("AADTenantId", fixedGuid("t", 1))
		str("UserType", "Member")
		str("ResourceTenantId", fixedGuid("t", 1))
		str("HomeTenantId", fixedGuid("t", 1))
		str("UniqueTokenIdentifier", strings.ReplaceAll(g.guid(), "-", "")[:22])
		str("SessionId", fixedGuid("s", user*100+g.r.IntN(5)))
		str("AutonomousSystemNumber", fmt.Sprint(2119+home))
		str("AuthenticationProtocol", "none")
		str("CrossTenantAccessType", "none")
		str("IncomingTokenType", "none")
		str("Type", "SigninLogs")
		set("DurationMs", table.LongValue(g.r.Int64N(900)))
		set("_BilledSize", table.RealValue(float64(3000+g.r.IntN(1500))))
		set("IsInteractive", table.BoolValue(true))
		set("IsRisky", table.BoolValue(false))

		json := func(name, text string) {
			if phys[phys.Index(name)].Type == table.Dynamic {
				set(name, table.DynamicText(text))
			} else {
				str(name, text)
			}
		}
		var ca strings.Builder
		for p := range 9 {
			fmt.Fprintf(&ca, `{"id":"%s","displayName":"CA%03d: Require something for group %d","enforcedGrantControls":["Mfa"],"enforcedSessionControls":[],"result":"%s","conditionsSatisfied":%d,"conditionsNotSatisfied":%d},`,
				fixedGuid("p", p), p, p, shapeCA[g.r.IntN(len(shapeCA))*g.r.IntN(2)], 3+g.r.IntN(2)*16, g.r.IntN(2)*2)
		}
		json("ConditionalAccessPolicies", "["+strings.TrimSuffix(ca.String(), ",")+"]")
		stamp := table.FormatDateTime(at)
		json("AuthenticationDetails", fmt.Sprintf(`[{"authenticationStepDateTime":"%s","authenticationMethod":"Password","authenticationMethodDetail":"Password Hash Sync","succeeded":%v,"authenticationStepResultDetail":"Correct password","authenticationStepRequirement":"Primary authentication"},{"authenticationStepDateTime":"%s","authenticationMethod":"Previously satisfied","succeeded":true,"authenticationStepResultDetail":"MFA requirement satisfied by claim in the token"}]`, stamp, code == 0, stamp))
		json("AuthenticationProcessingDetails", `[{"key":"Legacy TLS (TLS 1.0, 1.1, 3DES)","value":"False"},{"key":"Oauth Scope Info","value":"[\"openid\",\"profile\",\"User.Read\"]"},{"key":"Is CAE Token","value":"True"}]`)
		json("NetworkLocationDetails", `[{"networkType":"trustedNamedLocation","networkNames":["Head office"]}]`)
		json("DeviceDetail", fmt.Sprintf(`{"deviceId":"%s","displayName":"PC-%04d","operatingSystem":"Windows10","browser":"Edge %d.0.0","isCompliant":%v,"isManaged":true,"trustType":"Azure AD joined"}`, fixedGuid("d", user), user, 120+user%9, user%3 > 0))
		lat, lon := 40+float64(home)*1.37, float64(home)*3.11
		json("LocationDetails", fmt.Sprintf(`{"city":"%s","state":"State %d","countryOrRegion":"NO","geoCoordinates":{"latitude":%v,"longitude":%v}}`, shapeCities[home], home, lat, lon))
		json("Status", fmt.Sprintf(`{"errorCode":%d,"failureReason":"Other.","additionalDetails":"MFA requirement satisfied by claim in the token"}`, code))
		json("MfaDetail", `{"authMethod":"PhoneAppNotification","authDetail":""}`)
		for c, p := range g.def.Promoted {
			src := vals[phys.Index(p.Column)]
			var root any
			if p.Column == "Status" && strings.HasPrefix(p.Path, "rare") || src.IsNull() {
				continue
			}
			switch p.Column {
			case "Status":
				switch p.Path {
				case "errorCode":
					vals[len(g.def.Columns)+c] = table.LongValue(code)
				case "failureReason":
					vals[len(g.def.Columns)+c] = table.StringValue("Other.")
				default:
					vals[len(g.def.Columns)+c] = table.StringValue("MFA requirement satisfied by claim in the token")
				}
				continue
			case "AuthenticationDetails":
				root, _ = table.ParseJSON(src.Str())
			default:
				root = src.Dyn()
			}
			vals[len(g.def.Columns)+c], _ = p.Of(root)
		}
		set(table.HiddenID, table.LongValue(int64(g.r.Uint64())))
		str(table.HiddenTopic, topic)
		set(table.HiddenPartition, table.IntValue(0))
		set(table.HiddenOffset, table.LongValue(first+int64(i)))
		set(table.HiddenIndex, table.IntValue(0))
		set(table.HiddenArrival, table.DateTimeValue(at+5*table.TicksPerMinute))
		set(table.HiddenSchema, table.IntValue(1))
		set(table.HiddenOdd, table.BoolValue(false))
		b.AppendRow(vals)
	}
	return b
}
