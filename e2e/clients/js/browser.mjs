// Walks the sign-in pages in Chromium as people do, and prints what came of each part,
// one JSON line: {"case":…,"ok":…,"got":…}.
//
// From the environment: SEXTANT_URL (https), SETUP (the set-up link), TENANT, BIN (the
// program), CHROMIUM, SPKI (hash of the server's key, in base64: a certificate with it
// is trusted, as one whose authority was imported is), HOME (of the commands). Where
// SHOTS is given, a picture of each page is left in that folder: at a desk, in the dark,
// and as wide as a phone.
import { spawn } from "node:child_process";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const { SEXTANT_URL: url, SETUP: setup, TENANT: tenant, BIN: bin, CHROMIUM: executablePath, SPKI: spki, SHOTS: shots } = process.env;
const ann = "ann@aldermoor.example", password = "a sentence that nobody guesses";

const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--ignore-certificate-errors-spki-list=" + spki],
});

// What our pages complain of: errors of scripts, on the console, of the policy. That a page
// was answered with 400 is said there too, and no fault.
const complaints = [];

let at; // the page that was made last

async function person() {
  const context = await browser.newContext();
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`)));
  const page = (at = await context.newPage());
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (e) => complaints.push(e.message));
  page.on("console", (m) => {
    const ours = [url, new URL(setup).origin].includes(new URL(m.location().url || page.url()).origin);
    if (ours && m.type() === "error" && !/the server responded with a status of 4\d\d/.test(m.text())) complaints.push(m.text());
  });
  return page;
}

const looked = new Set();

// look at a page: it fits a phone, each field has a name, the first thing to do has
// the focus or can be reached by the keyboard.
async function look(page, name) {
  const desk = page.viewportSize();
  const wrong = await page.evaluate(() => {
    const out = [];
    if (document.querySelectorAll("h1").length !== 1) out.push("no heading");
    for (const f of document.querySelectorAll("input:not([type=hidden])")) if (!f.labels?.length) out.push("no label: " + f.name);
    for (const b of document.querySelectorAll("button")) if (!b.textContent.trim()) out.push("a button without a word");
    return out;
  });
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
  await page.setViewportSize({ width: 360, height: 640 });
  if (await page.evaluate(() => document.scrollingElement.scrollWidth > innerWidth)) wrong.push("wider than a phone");
  if (shots) {
    await page.screenshot({ path: `${shots}/${name}-phone.png`, fullPage: true });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize(desk);
    await page.screenshot({ path: `${shots}/${name}-dark.png`, fullPage: true });
    await page.emulateMedia({ colorScheme: "light" });
  }
  await page.setViewportSize(desk);
  for (const w of wrong) complaints.push(`${name}: ${w}`);
  looked.add(name);
}

let failed = false; // what follows needs what came before

async function run(name, f) {
  if (failed) return;
  let line;
  try {
    line = { case: name, ok: true, got: await f() };
  } catch (e) {
    failed = true;
    line = { case: name, ok: false, got: `${e?.message ?? e} at ${at.url()}: ${await at.innerText("body").catch(() => "")}` };
  }
  console.log(JSON.stringify(line));
}

const heading = (page) => page.textContent("h1");
const alert = async (page) => (await page.textContent("[role=alert]")).trim();

// type a page's fields by the keyboard alone, from the one that has the focus, and
// send it from the last.
async function type(page, ...values) {
  await page.waitForFunction(() => document.activeElement?.tagName === "INPUT"); // the focus comes behind the page
  for (const [i, v] of values.entries()) {
    if (i > 0) await page.keyboard.press("Tab");
    await page.keyboard.insertText(v);
  }
  await Promise.all([page.waitForEvent("load"), page.keyboard.press("Enter")]);
}

async function focused(page) {
  await page.waitForFunction(() => document.activeElement?.tagName === "INPUT");
  return await page.evaluate(() => document.activeElement.name);
}

// sextant runs a command; said gives what it has printed for people so far, done what
// it ends with.
function sextant(args, input = "") {
  const p = spawn(bin, args, { env: { ...process.env, SEXTANT_SERVER: url }, stdio: ["pipe", "pipe", "pipe"], timeout: 20_000 });
  let out = "", err = "", waiting = () => {};
  p.stdout.on("data", (b) => (out += b));
  p.stderr.on("data", (b) => ((err += b), waiting()));
  p.stdin.end(input);
  const done = new Promise((resolve) => p.on("close", (code) => (waiting(), resolve({ code, out: out.trim(), err: err.trim() }))));
  const said = (pattern) =>
    new Promise((resolve, reject) => {
      waiting = () => {
        const m = pattern.exec(err);
        if (m) resolve(m);
        else if (p.exitCode !== null || p.signalCode !== null) reject(new Error("it ended, and said " + err));
      };
      waiting();
    });
  return { done, said };
}

// An application of a page of its own: it sends people to sign in, and has the code
// that they come back with redeemed.
const came = [];
const site = createServer((request, response) => {
  const q = new URL(request.url, "http://localhost").searchParams;
  if (q.has("state")) came.push(q);
  response.setHeader("Content-Type", "text/html");
  response.end("<!doctype html><title>Application</title><link rel=icon href='data:,'><h1>Back</h1>");
});
await new Promise((resolve) => site.listen(0, "localhost", resolve));
const back = `http://localhost:${site.address().port}/`;
let client = "";

async function authorize(page, more = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const q = { client_id: client, redirect_uri: back, response_type: "code", scope: "openid https://graph.microsoft.com/AuditLog.Read.All", state: "s", code_challenge: challenge, code_challenge_method: "S256", ...more };
  await page.goto(`${url}/${tenant}/oauth2/v2.0/authorize?${new URLSearchParams(q)}`);
  return async () => {
    await page.waitForURL(back + "*");
    const answer = await fetch(`${url}/${tenant}/oauth2/v2.0/token`, {
      method: "POST",
      body: new URLSearchParams({ client_id: client, redirect_uri: back, grant_type: "authorization_code", code: came.pop().get("code"), code_verifier: verifier }),
    });
    const token = JSON.parse(Buffer.from((await answer.json()).access_token.split(".")[1], "base64url").toString());
    return [token.preferred_username, token.scp, token.amr];
  };
}

// code of an authenticator; steps from now.
function totp(secret, steps) {
  const bits = [...secret.replaceAll(" ", "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const at = Buffer.alloc(8);
  at.writeBigInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac("sha1", key).update(at).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
}

const page = await person();

await run("set-up", async () => {
  await page.goto(setup);
  await look(page, "setup");
  const first = await focused(page);
  await type(page, tenant, ann, "Ann", password, "another sentence that differs");
  const differ = await alert(page);
  await look(page, "setup-error");
  await page.focus("[name=password]");
  await type(page, password, password);
  await look(page, "setup-done");
  return [first, differ, await heading(page)];
});
await run("set-up again", async () => {
  await page.goto(url + new URL(setup).pathname + new URL(setup).search);
  await look(page, "setup-used");
  return await alert(page);
});

await run("command line", async () => {
  const login = sextant(["login"]);
  await page.goto((await login.said(/(https:\S+)/))[1]);
  await look(page, "signin");
  const first = await focused(page);
  await type(page, ann, "not the password");
  const wrong = await alert(page);
  await look(page, "signin-wrong");
  await type(page, password); // the name is there still, and the focus behind it
  await page.waitForURL("http://127.0.0.1:*/**");
  const { code, out } = await login.done;
  const user = await sextant(["user", "list"]).done;
  return [first, wrong, code, out.replace(/ at .* as/, " as"), user.out.includes("Global Administrator")];
});
await run("an application", async () => {
  const made = await sextant(["app", "add", "Reports page", "--public", "--redirect", back, "--scope", "AuditLog.Read.All"]).done;
  client = /client id (\S+)/.exec(made.out)[1];
  const redeemed = await authorize(page); // the browser is signed in already
  return await redeemed();
});

let secret = "";
await run("authenticator", async () => {
  await page.goto(`${url}/${tenant}/account`);
  await look(page, "account");
  secret = await page.textContent("code");
  await page.fill("[name=otc]", "000000"); // mistyped: the authenticator has the secret already
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const mistyped = await alert(page);
  await look(page, "account-wrong");
  await page.fill("[name=otc]", totp(secret, -1));
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "Remove" }).waitFor();
  await look(page, "account-authenticator");
  const redeemed = await authorize(page, { prompt: "login" });
  await type(page, ann, password);
  await look(page, "second");
  const first = await focused(page);
  await type(page, "000000");
  const wrong = await alert(page);
  await look(page, "second-wrong");
  await type(page, totp(secret, 0));
  return [mistyped, first, wrong, ...(await redeemed())];
});

await run("passkey", async () => {
  const tools = await page.context().newCDPSession(page);
  await tools.send("WebAuthn.enable");
  const { authenticatorId } = await tools.send("WebAuthn.addVirtualAuthenticator", {
    options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await page.goto(`${url}/${tenant}/account`);
  await page.fill("form[data-passkey=create] [name=name]", "this laptop");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("this laptop").waitFor();
  await look(page, "account-passkey");
  const redeemed = await authorize(page, { prompt: "login" });
  await page.getByRole("button", { name: "Use a passkey" }).click();
  const alone = await redeemed();
  // A person who declines is told, and may try otherwise.
  await tools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await authorize(page, { prompt: "login" });
  await page.getByRole("button", { name: "Use a passkey" }).click();
  const declined = await alert(page);
  await look(page, "passkey-declined");
  await tools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId });
  return [alone, declined];
});

await run("device", async () => {
  const login = sextant(["login", "--device"]);
  const [, at, code] = await login.said(/(https:\S+)[^]*the code (\S+)/);
  await page.goto(at);
  await look(page, "device");
  const first = await focused(page);
  await type(page, "NOTACODE");
  const wrong = await alert(page);
  await type(page, code.toLowerCase());
  await look(page, "device-confirm");
  await page.getByRole("button", { name: "Sign in there" }).click();
  await page.getByRole("heading", { name: "You have signed in" }).waitFor();
  await look(page, "device-done");
  const { out } = await login.done;
  return [first, wrong, out.replace(/ at .* as/, " as")];
});

const bo = await person();
await run("first password", async () => {
  const made = await sextant(["user", "add", "bo@aldermoor.example", "--role", "Reports Reader"]).done;
  const given = /first sign-in: (\S+)/.exec(made.out)[1];
  const redeemed = await authorize(bo, { login_hint: "bo@aldermoor.example" });
  const first = await focused(bo);
  await type(bo, given);
  await look(bo, "change");
  await type(bo, given, "aaaaaaaaaaaa", "aaaaaaaaaaaa");
  const weak = await alert(bo);
  await look(bo, "change-weak");
  await type(bo, given, "a second sentence of bo", "a second sentence of bo");
  return [first, weak, ...(await redeemed())];
});
await run("lock-out", async () => {
  await authorize(bo, { prompt: "login", login_hint: "bo@aldermoor.example" });
  for (let i = 0; i < 10; i++) await type(bo, "wrong " + i);
  await type(bo, "a second sentence of bo");
  await look(bo, "locked");
  const locked = await alert(bo);
  await sextant(["user", "unlock", "bo@aldermoor.example"]).done;
  const redeemed = await authorize(bo, { prompt: "login", login_hint: "bo@aldermoor.example" });
  await type(bo, "a second sentence of bo");
  return [locked, ...(await redeemed())];
});
await run("cancel", async () => {
  await authorize(bo, { prompt: "login" });
  await bo.getByRole("button", { name: "Cancel" }).click();
  await bo.waitForURL(back + "*");
  return [came.at(-1).get("error"), came.at(-1).get("state")];
});
await run("signed out", async () => {
  await bo.goto(`${url}/${tenant}/oauth2/v2.0/logout`);
  await look(bo, "signed-out");
  return await heading(bo);
});
await run("a page that is old", async () => {
  await authorize(bo);
  await bo.context().clearCookies();
  await type(bo, "bo@aldermoor.example", "a second sentence of bo");
  await look(bo, "failed");
  return await alert(bo);
});
await run("a wrong address", async () => {
  await authorize(bo, { redirect_uri: "http://elsewhere.example/" });
  await look(bo, "wrong-address");
  return await alert(bo);
});
await run("complaints", async () => complaints);
await run("pages", async () => looked.size);

await browser.close();
site.close();
