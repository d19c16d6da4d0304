// A single-page application with MSAL.js, unmodified, in Chromium: signs a person in,
// asks Graph and Log Analytics, renews silently, signs out. Prints what came of each
// part, one JSON line: {"case":…,"ok":…,"got":…}.
//
// From the environment: SEXTANT_URL (https), TENANT, APP (its client id), PORT (of the
// page, on localhost), PERSON, PASSWORD, CHROMIUM, SPKI (see browser.mjs).
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const { SEXTANT_URL: url, TENANT: tenant, APP: app, PORT: port, PERSON: person, PASSWORD: password, CHROMIUM: executablePath, SPKI: spki } = process.env;
const library = await readFile("node_modules/@azure/msal-browser/lib/msal-browser.min.js");
const html = `<!doctype html><title>A page</title><h1>A page</h1><script src="/msal.js"></script><script>
const home = location.origin + "/";
window.app = new msal.PublicClientApplication({
  auth: { clientId: "${app}", authority: "${url}/${tenant}", knownAuthorities: ["${new URL(url).host}"], redirectUri: home, postLogoutRedirectUri: home },
});
window.ready = app.initialize().then(() => app.handleRedirectPromise());
</script>`;
const server = createServer((req, res) => {
  const js = req.url === "/msal.js";
  res.setHeader("Content-Type", js ? "text/javascript" : "text/html");
  res.end(js ? library : html);
}).listen(+port, "localhost");
const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--ignore-certificate-errors-spki-list=" + spki],
});
const page = await (await browser.newContext()).newPage();
page.setDefaultTimeout(15_000);
const home = `http://localhost:${port}/`;

async function run(name, f) {
  const line = { case: name, ok: true };
  try {
    line.got = await f();
  } catch (e) {
    line.ok = false;
    line.got = String(e.message).slice(0, 600);
  }
  console.log(JSON.stringify(line));
}

const graph = "https://graph.microsoft.com/AuditLog.Read.All";

await run("signed in", async () => {
  await page.goto(home);
  await page.evaluate(async (scope) => {
    await window.ready;
    void window.app.loginRedirect({ scopes: [scope] });
  }, graph);
  await page.fill("[name=login]", person);
  await page.fill("[name=passwd]", password);
  await page.press("[name=passwd]", "Enter");
  await page.waitForURL(home + "**");
  return page.evaluate(async () => {
    const r = await window.ready;
    window.app.setActiveAccount(r.account);
    return [r.account.username, r.scopes.some((s) => s.endsWith("AuditLog.Read.All"))];
  });
});
await run("graph", () =>
  page.evaluate(async ([url, scope]) => {
    const t = await window.app.acquireTokenSilent({ scopes: [scope], account: window.app.getAllAccounts()[0] });
    const r = await fetch(url + "/v1.0/auditLogs/signIns?$select=id", { headers: { Authorization: "Bearer " + t.accessToken, "client-request-id": crypto.randomUUID() } });
    return [r.status, (await r.json()).value.length, t.fromCache, !!r.headers.get("request-id")];
  }, [url, graph]));
await run("renewed", () =>
  page.evaluate(async ([scope]) => {
    const account = window.app.getAllAccounts()[0];
    const t = await window.app.acquireTokenSilent({ scopes: [scope], account, forceRefresh: true });
    return [t.fromCache, t.account.username];
  }, [graph]));
await run("another resource", () =>
  page.evaluate(async ([url, tenant]) => {
    const t = await window.app.acquireTokenSilent({ scopes: ["https://api.loganalytics.io/Data.Read"], account: window.app.getAllAccounts()[0] });
    const r = await fetch(`${url}/v1/workspaces/${tenant}/query`, {
      method: "POST", headers: { Authorization: "Bearer " + t.accessToken, "Content-Type": "application/json" }, body: JSON.stringify({ query: "SigninLogs | where TimeGenerated > datetime(2020-01-01) | count" }),
    });
    return [r.status, (await r.json()).tables[0].rows[0][0]];
  }, [url, tenant]));
await run("signed out", async () => {
  await page.evaluate(() => {
    window.before = true; // the page that it comes back to is a new one at the same address
    void window.app.logoutRedirect({ account: window.app.getAllAccounts()[0] });
  });
  await page.waitForFunction(() => !window.before && window.ready);
  return page.evaluate(async () => {
    await window.ready;
    return window.app.getAllAccounts().length;
  });
});
await run("asks again", async () => {
  await page.evaluate((scope) => void window.app.loginRedirect({ scopes: [scope] }), graph);
  await page.waitForSelector("[name=passwd]");
  return new URL(page.url()).origin === new URL(url).origin;
});
await browser.close();
server.close();
