// Runs Microsoft's clients against a server and prints what they made of the
// answers, one JSON line for each case: {"case":…,"ok":…,"got":…}.
//
// From the environment: SEXTANT_URL (https), TENANT, APP, SECRET (to sign in with),
// SEXTANT_TOKEN (a key of the server's), WORKSPACE (GUID), RESOURCE (the workspace's
// resource id), RULE (immutable id of a rule with Custom-Shop).
import { ClientSecretCredential } from "@azure/identity";
import { LogsQueryClient as NewClient } from "@azure/monitor-query-logs";
import { LogsQueryClient as OldClient } from "@azure/monitor-query";
import { LogsIngestionClient } from "@azure/monitor-ingestion";
import { Client as KustoClient, ClientRequestProperties, KustoConnectionStringBuilder } from "azure-kusto-data";

const { SEXTANT_URL: url, TENANT: tenant, APP: app, SECRET: secret, SEXTANT_TOKEN: key, WORKSPACE: workspace, RESOURCE: resource, RULE: rule } = process.env;
const credential = new ClientSecretCredential(tenant, app, secret, { authorityHost: url, disableInstanceDiscovery: true });
const withKey = { getToken: async () => ({ token: key, expiresOnTimestamp: Date.now() + 3600_000 }) };

async function run(name, f) {
  let line;
  try {
    line = { case: name, ok: true, got: await f() };
  } catch (e) {
    line = { case: name, ok: false, got: String(e?.message ?? e), code: e?.code, status: e?.statusCode };
  }
  console.log(JSON.stringify(line));
}

const day = { startTime: new Date("2026-01-02T00:00:00Z"), endTime: new Date("2026-01-03T00:00:00Z") };
const makers = {
  new: () => new NewClient(credential, { endpoint: url + "/v1" }),
  old: () => new OldClient(credential, { endpoint: url, audience: "https://api.loganalytics.io" }),
};
for (const [which, make] of Object.entries(makers)) {
  const client = make();
  await run(which + " query", async () => {
    const r = await client.queryWorkspace(workspace, "SigninLogs | project Id, TimeGenerated, City = LocationDetails | sort by Id asc", day, {
      includeQueryStatistics: true,
      includeVisualization: true,
    });
    const t = r.tables[0];
    return { status: r.status, columns: t.columnDescriptors.map((c) => c.name + ":" + c.type), rows: t.rows, statistics: !!r.statistics, visualization: r.visualization?.visualization };
  });
  await run(which + " resource", async () => {
    const r = await client.queryResource(resource, "SigninLogs | count", day);
    return r.tables[0].rows;
  });
  await run(which + " batch", async () => {
    const rs = await client.queryBatch([
      { workspaceId: workspace, query: "SigninLogs | count", timespan: day },
      { workspaceId: workspace, query: "Nope", timespan: day },
      { workspaceId: workspace, query: "range x from 1 to 3 step 1 | render piechart", timespan: day, includeVisualization: true },
    ]);
    return rs.map((r) => r.status + ":" + (r.tables ? r.tables[0].rows.length : (r.partialError ?? r).code));
  });
  await run(which + " mistake", () => client.queryWorkspace(workspace, "SigninLogs | where Nope == 1", day));
}

await run("key", async () => (await new NewClient(withKey, { endpoint: url + "/v1" }).queryWorkspace(workspace, "SigninLogs | count", day)).tables[0].rows);

await run("ingest", async () => {
  const client = new LogsIngestionClient(url, credential);
  const rows = [];
  for (let i = 0; i < 3000; i++) rows.push({ Item: "js", Count: i, More: { text: "x".repeat(500) } });
  await client.upload(rule, "Custom-Shop", rows, { maxConcurrency: 5 });
  return rows.length;
});
await run("ingest elsewhere", async () => new LogsIngestionClient(url, credential).upload(rule, "Custom-Other", [{ a: 1 }]));

const kusto = new KustoClient(KustoConnectionStringBuilder.withTokenCredential(url, credential));
await run("kusto query", async () => {
  const p = new ClientRequestProperties();
  p.setParameter("n", 2);
  const r = await kusto.execute("default", "declare query_parameters(n:int); range x from 1 to n step 1 | extend d = dynamic({'a':[1]}), t = datetime(2026-01-02), s = 1h", p);
  const rows = [...r.primaryResults[0].rows()].map((x) => x.toJSON());
  return { columns: r.primaryResults[0].columns.map((c) => c.name + ":" + c.type), rows, errors: r.getErrorsCount().errors ?? r.getErrorsCount() };
});
await run("kusto version 1", async () => {
  const r = await kusto.executeQueryV1("default", "SigninLogs | count");
  return r.primaryResults[0]._rows ?? [...r.primaryResults[0].rows()].map((x) => x.toJSON());
});
await run("kusto command", async () => {
  const r = await kusto.execute("default", ".show tables | where TableName == 'SigninLogs'");
  return [...r.primaryResults[0].rows()].map((x) => x.toJSON().TableName);
});
await run("kusto mistake", () => kusto.execute("default", "SigninLogs | where Nope == 1"));
await run("kusto stream", async () => {
  let lines = "";
  for (let i = 0; i < 500; i++) lines += JSON.stringify({ Item: "streamed by js", Count: i }) + "\n";
  await kusto.executeStreamingIngest("default", "Shop_CL", Buffer.from(lines), "json", null);
  return 500;
});
await run("kusto stream elsewhere", () => kusto.executeStreamingIngest("default", "Nope_CL", Buffer.from("{}"), "json", null));
