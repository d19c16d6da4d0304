// Package simulate makes up an Entra tenant and the logs that it would export:
// people with habits, workloads, devices, places, policies, ordinary
// administration, and, on request, attacks whose records are labelled.
//
// A [Tenant] is made from a [Config] by [New]. [Tenant.History] streams the
// records of a span of time in order, [Tenant.Live] goes on from now. A record
// is one line in the form of Azure's diagnostic export; what the form is, a test
// checks against exported records.
//
// # Determinism
//
//  1. Everything random is drawn from a seed that is the hash of what it belongs
//     to: the tenant, a person, that person's day, a session, a record. No two
//     things share a sequence.
//  2. A person's day or a workload's period yields bursts (a session, a token); a
//     burst yields events; an event yields a record. Each step depends on the
//     step before and on nothing else, so any span can be made without what lies
//     before it, and the same records come however it is cut.
//  3. Events leave in the order of (envelope time, key). A burst yields nothing
//     earlier than itself and nothing later than the horizon.
//  4. Only integers decide. Means are computed in floating point once, with
//     operations that every processor rounds alike.
//
// # Mix
//
// The mix "tenant" is that of an organisation with Microsoft 365 and some Azure:
// of 1,000 records 370 are non-interactive sign-ins, 225 Graph activity (45 % of
// it in users' names), 125 sign-ins of service principals, 90 of managed
// identities, 80 interactive sign-ins, 30 audit, 25 network traffic, and the rest
// the other seventeen categories. The mix "samples" is that of the exported
// records that the form was taken from, for benchmarks.
// [MixOf] has the numbers. [Config.RecordsPerUserDay] is the mean over all days;
// working days have about five times the interactive sign-ins of weekends.
//
// # What is real
//
// Names, identifiers and codes of Microsoft's applications, resources, roles and
// errors are facts. People, organisations and their domains are invented, and
// addresses come from the ranges for documentation and benchmarks (RFC 5737, RFC
// 2544, RFC 3849), so that nobody is named or accused. Autonomous systems are those of
// carriers of the place, except for offices and attackers, which have numbers
// reserved for documentation (RFC 5398).
//
// # Non-obvious
//
//   - Eight categories have the form of exported records. The other sixteen
//     follow from the columns of their tables, because no exported record was to
//     be had; they are in other.go, provisioning.go and parts of risk.go.
//   - An exported sign-in's envelope time is later than createdDateTime, mostly by
//     a minute or two, now and then by hours. So the order of a history is not that
//     of createdDateTime, and its first records were created before its start.
//   - Two of 1,000 sign-ins are exported twice with different envelope times.
//   - Some sessions never end in success, some sign-ins belong to no session: a
//     detection that takes every pair for granted is wrong here as it is in life.
package simulate
