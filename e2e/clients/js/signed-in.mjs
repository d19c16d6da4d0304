// Microsoft Graph's client, signed in as the application.
//
// From the environment: SEXTANT_URL (https), TENANT, APP, SECRET.
import { ClientSecretCredential } from "@azure/identity";
import { Client } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

export const { SEXTANT_URL: url, TENANT: tenant, APP: app, SECRET: secret } = process.env;
export const credential = new ClientSecretCredential(tenant, app, secret, { authorityHost: url, disableInstanceDiscovery: true });
export const client = Client.initWithMiddleware({
  baseUrl: url + "/",
  defaultVersion: "v1.0",
  customHosts: new Set([new URL(url).hostname]),
  authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: ["https://graph.microsoft.com/.default"] }),
});
