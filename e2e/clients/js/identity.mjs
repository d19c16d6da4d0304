// Signs in with @azure/identity and prints what came of it, one JSON line a case.
//
// From the environment: SEXTANT_URL (https), TENANT, APP, SECRET, KEY_FILE (PEM of
// certificate and key). A device code is printed as {"case":"prompt",…} for somebody to
// enter.
import { ClientCertificateCredential, ClientSecretCredential, DeviceCodeCredential } from "@azure/identity";

const { SEXTANT_URL: url, TENANT: tenant, APP: app, SECRET: secret, KEY_FILE: file } = process.env;
const options = { authorityHost: url, disableInstanceDiscovery: true };

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

async function run(name, credential, scope) {
  let line;
  try {
    const t = await credential.getToken(scope);
    const { aud, tid, scp, roles, preferred_username } = claims(t.token);
    line = { case: name, ok: t.expiresOnTimestamp > Date.now(), got: { aud, tid, scp, roles, preferred_username } };
  } catch (e) {
    line = { case: name, ok: false, got: String(e?.message ?? e) };
  }
  console.log(JSON.stringify(line));
}

const bySecret = new ClientSecretCredential(tenant, app, secret, options);
await run("secret", bySecret, "https://monitor.azure.com/.default");
await run("secret graph", bySecret, "https://graph.microsoft.com/.default");
await run("wrong secret", new ClientSecretCredential(tenant, app, "wrong", options), "https://graph.microsoft.com/.default");
await run("wrong tenant", new ClientSecretCredential("nowhere.example", app, secret, options), "https://graph.microsoft.com/.default");
await run("certificate", new ClientCertificateCredential(tenant, app, { certificatePath: file }, options), "https://management.azure.com/.default");
const device = new DeviceCodeCredential({
  ...options,
  tenantId: tenant,
  userPromptCallback: (p) => console.log(JSON.stringify({ case: "prompt", ok: true, got: { code: p.userCode, at: p.verificationUri } })),
});
await run("device", device, "https://graph.microsoft.com/.default");
await run("device, another resource", device, "https://api.loganalytics.io/.default");
