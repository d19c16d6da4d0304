// Asks Microsoft Graph's own client and prints what came of it, one JSON line a case.
//
// From the environment: SEXTANT_URL (https), TENANT, APP, SECRET.
import { ClientSecretCredential } from "@azure/identity";
import { BatchRequestContent, BatchResponseContent, Client, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

const { SEXTANT_URL: url, TENANT: tenant, APP: app, SECRET: secret } = process.env;
const credential = new ClientSecretCredential(tenant, app, secret, { authorityHost: url, disableInstanceDiscovery: true });
const client = Client.initWithMiddleware({
  baseUrl: url + "/",
  defaultVersion: "v1.0",
  customHosts: new Set([new URL(url).hostname]),
  authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: ["https://graph.microsoft.com/.default"] }),
});

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
await run("mistake", () => client.api("/auditLogs/signIns").filter("nope eq 1").get());
await run("nothing", () => client.api("/auditLogs/signIns/nope").get());
await run("unknown", () => client.api("/frobs").get());
