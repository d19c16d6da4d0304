// Reads sign-ins to the last page and prints the id of each, a line.
//
// From the environment: SEXTANT_URL (https), TENANT, APP, SECRET, FILTER.
import { PageIterator } from "@microsoft/microsoft-graph-client";
import { client } from "./signed-in.mjs";

const first = await client.api("/auditLogs/signIns").filter(process.env.FILTER).select("id,createdDateTime,userPrincipalName,status").top(999).get();
const pages = new PageIterator(client, first, (x) => process.stdout.write(x.id + "\n") || true);
await pages.iterate();
