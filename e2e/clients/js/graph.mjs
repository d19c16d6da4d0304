// Asks Microsoft Graph's own client and prints what came of it, one JSON line a case.
//
// From the environment: SEXTANT_URL (https), TENANT, APP, SECRET.
import { BatchRequestContent, BatchResponseContent, PageIterator, ResponseType } from "@microsoft/microsoft-graph-client";
import { mistakes } from "./csdl.mjs";
import { client, url } from "./signed-in.mjs";

async function run(name, f) {
  let line;
  try {
    line = { case: name, ok: true, got: await f() };
  } catch (e) {
    line = { case: name, ok: false, got: { status: e.statusCode, code: e.code, message: e.message, requestId: Boolean(e.requestId) } };
  }
  console.log(JSON.stringify(line));
}

const ids = (page) => page.value.map((x) => x.id).join(" ");

await run("list", async () => ids(await client.api("/auditLogs/signIns").select("id").get()));
await run("filter", async () => ids(await client.api("/auditLogs/signIns").filter("userPrincipalName eq 'bob@example.org'").select("id").get()));
await run("beta", async () => (await client.api("/auditLogs/signIns").version("beta").top(1).get()).value[0].signInEventTypes);
await run("item", async () => (await client.api("/auditLogs/signIns/s1").get()).location.city);
await run("pages", async () => {
  let n = 0;
  const first = await client.api("/auditLogs/signIns").top(1).select("id").count(true).get();
  const pages = new PageIterator(client, first, () => (n++, true));
  await pages.iterate();
  return [n, first["@odata.count"]];
});
await run("group", async () => {
  const page = await client.api("/auditLogs/directoryAudits").filter("targetResources/any(t: t/id eq 'g1')").get();
  return page.value.map((a) => [a.activityDateTime, a.activityDisplayName, a.initiatedBy.user.userPrincipalName]);
});
await run("hunt", async () => (await client.api("/security/runHuntingQuery").post({ Query: "SigninLogs | count", Timespan: "2026-01-01/P10D" })).results);
await run("batch", async () => {
  const request = (path) => new Request(url + "/v1.0" + path, { method: "GET" });
  const content = new BatchRequestContent([
    { id: "1", request: request("/auditLogs/signIns?$select=id") },
    { id: "2", request: request("/auditLogs/signIns/nope") },
  ]);
  const answer = new BatchResponseContent(await client.api("/$batch").post(await content.getContent()));
  return [ids(await answer.getResponseById("1").json()), answer.getResponseById("2").status];
});
for (const version of ["v1.0", "beta"]) {
  await run("metadata " + version, async () => mistakes(await client.api("/$metadata").version(version).responseType(ResponseType.TEXT).get()));
}
await run("without metadata", async () => {
  const page = await client.api("/auditLogs/signIns").top(1).select("id").header("Accept", "application/json;odata.metadata=none").get();
  return page["@odata.context"] ?? "no context";
});
await run("mistake", () => client.api("/auditLogs/signIns").filter("nope eq 1").get());
await run("nothing", () => client.api("/auditLogs/signIns/nope").get());
await run("unknown", () => client.api("/frobs").get());

// What is done, and what everything says afterwards.
const risk = async () => {
  const s = await client.api("/auditLogs/signIns/r1").header("Prefer", "include-unknown-enum-members").select("riskState,riskDetail").get();
  const u = await client.api("/identityProtection/riskyUsers/u-dee").get();
  return [s.riskState, s.riskDetail, u.riskState, u.riskLevel];
};
await run("compromised", async () => (await client.api("/auditLogs/signIns/confirmCompromised").post({ requestIds: ["r1"] }), await risk()));
await run("user safe", async () => (await client.api("/identityProtection/riskyUsers/confirmSafe").post({ userIds: ["u-dee"] }), await risk()));
await run("history", async () => (await client.api("/identityProtection/riskyUsers/u-dee/history").get()).value.map((h) => h.riskState));
await run("incidents", async () => (await client.api("/security/incidents").expand("alerts").get()).value.map((i) => [i.displayName, i.status, i.alerts.length]));
await run("incident", async () => {
  const i = await client.api("/security/incidents/i1").patch({ status: "resolved", assignedTo: "ann@aldermoor.example", classification: "falsePositive" });
  return [i.status, i.assignedTo, i.classification];
});
await run("comment", async () => (await client.api("/security/incidents/i1/comments").post({ "@odata.type": "microsoft.graph.security.alertComment", comment: "a scanner of ours" })).value.map((c) => c.comment));
await run("act in a batch", async () => {
  const content = new BatchRequestContent([
    { id: "1", request: new Request(url + "/v1.0/identityProtection/riskyUsers/dismiss", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ userIds: ["u-dee"] }) }) },
    { id: "2", request: new Request(url + "/v1.0/identityProtection/riskyUsers/u-dee"), dependsOn: ["1"] },
  ]);
  const answer = new BatchResponseContent(await client.api("/$batch").post(await content.getContent()));
  return [answer.getResponseById("1").status, (await answer.getResponseById("2").json()).riskState];
});
await run("nobody", () => client.api("/identityProtection/riskyUsers/dismiss").post({ userIds: ["nobody"] }));
