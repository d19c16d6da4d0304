"""Runs Microsoft's Python clients against a server and prints what came of it, one
JSON line for each case: {"case":..., "ok":..., "got":...}.

From the environment: SEXTANT_URL (https), TENANT, APP, SECRET, KEY_FILE (PEM of
certificate and key), WORKSPACE (GUID), RESOURCE (the workspace's resource id), RULE
(immutable id of a rule with Custom-Shop). REQUESTS_CA_BUNDLE and SSL_CERT_FILE name
the server's authority.
"""

import asyncio
import io
import json
import os
from datetime import datetime, timezone
from urllib.parse import urlsplit

from azure.identity import CertificateCredential, ClientSecretCredential
from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.monitor.ingestion import LogsIngestionClient
from azure.monitor.query import LogsBatchQuery, LogsQueryClient
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.audit_logs.sign_ins.confirm_safe.confirm_safe_post_request_body import ConfirmSafePostRequestBody
from msgraph.generated.audit_logs.sign_ins.sign_ins_request_builder import SignInsRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator

env = os.environ
url = env["SEXTANT_URL"]
options = {"authority": url, "disable_instance_discovery": True}
credential = ClientSecretCredential(env["TENANT"], env["APP"], env["SECRET"], **options)
day = (datetime(2026, 1, 2, tzinfo=timezone.utc), datetime(2026, 1, 3, tzinfo=timezone.utc))


def say(name, ok, got):
    print(json.dumps({"case": name, "ok": ok, "got": got}, default=str, separators=(",", ":")), flush=True)


def run(name, f):
    try:
        say(name, True, f())
    except Exception as e:  # what a client raises is what is looked at
        say(name, False, f"{type(e).__name__} {getattr(e, 'status_code', '')} {e}")


logs = LogsQueryClient(credential, endpoint=url + "/v1", audience="https://api.loganalytics.io")


def query():
    r = logs.query_workspace(env["WORKSPACE"], "SigninLogs | project Id, TimeGenerated, LocationDetails | sort by Id asc | take 1", timespan=day)
    return [r.status, r.tables[0].columns, [list(row) for row in r.tables[0].rows]]


def batch():
    queries = [LogsBatchQuery(workspace_id=env["WORKSPACE"], query=q, timespan=day) for q in ("SigninLogs | count", "Nope")]
    return [r.tables[0].rows[0][0] if hasattr(r, "tables") else r.code for r in logs.query_batch(queries)]


def by_certificate():
    who = CertificateCredential(env["TENANT"], env["APP"], certificate_path=env["KEY_FILE"], **options)
    client = LogsQueryClient(who, endpoint=url + "/v1", audience="https://api.loganalytics.io")
    return client.query_resource(env["RESOURCE"], "SigninLogs | count", timespan=day).tables[0].rows[0][0]


run("query", query)
run("batch", batch)
run("certificate, resource", by_certificate)
run("mistake", lambda: logs.query_workspace(env["WORKSPACE"], "SigninLogs | where Nope == 1", timespan=day))
wrong = LogsQueryClient(ClientSecretCredential(env["TENANT"], env["APP"], "wrong", **options), endpoint=url + "/v1")
run("wrong secret", lambda: wrong.query_workspace(env["WORKSPACE"], "print 1", timespan=None))


def ingest():
    rows = [{"Item": "py", "Count": i, "More": {"text": "x" * 500}} for i in range(3000)]
    LogsIngestionClient(url, credential).upload(rule_id=env["RULE"], stream_name="Custom-Shop", logs=rows)
    return len(rows)


run("ingest", ingest)
run("ingest elsewhere", lambda: LogsIngestionClient(url, credential).upload(rule_id=env["RULE"], stream_name="Custom-Other", logs=[{"a": 1}]))

kusto = KustoClient(KustoConnectionStringBuilder.with_azure_token_credential(url, credential))


def kusto_query():
    p = ClientRequestProperties()
    p.set_parameter("n", 2)
    r = kusto.execute("default", "declare query_parameters(n:long); range x from 1 to n step 1 | extend d = dynamic({'a':[1]}), t = datetime(2026-01-02), s = 1h", p)
    t = r.primary_results[0]
    return [[c.column_name + ":" + c.column_type for c in t.columns], [row.to_list() for row in t.rows]]


run("kusto query", kusto_query)
run("kusto command", lambda: [row["TableName"] for row in kusto.execute_mgmt("default", ".show tables | where TableName == 'SigninLogs'").primary_results[0]])
run("kusto mistake", lambda: kusto.execute("default", "SigninLogs | where Nope == 1"))


def kusto_stream():
    lines = "".join(json.dumps({"Item": "streamed by py", "Count": i}) + "\n" for i in range(500))
    kusto.execute_streaming_ingest("default", "Shop_CL", io.BytesIO(lines.encode()), None, "json")
    return 500


run("kusto stream", kusto_stream)
run("kusto stream elsewhere", lambda: kusto.execute_streaming_ingest("default", "Nope_CL", io.BytesIO(b"{}"), None, "json"))


async def graph():
    async def arun(name, f):
        try:
            say(name, True, await f())
        except APIError as e:
            say(name, False, [e.response_status_code, e.error.code])

    provider = AzureIdentityAuthenticationProvider(credential, scopes=["https://graph.microsoft.com/.default"], allowed_hosts=[urlsplit(url).netloc, urlsplit(url).hostname])
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = url + "/v1.0"
    client = GraphServiceClient(request_adapter=adapter)

    def asked(**parameters):
        return RequestConfiguration(query_parameters=SignInsRequestBuilder.SignInsRequestBuilderGetQueryParameters(**parameters))

    async def listed():
        page = await client.audit_logs.sign_ins.get(asked(filter="userPrincipalName eq 'bob@example.org'"))
        return [[x.id, x.location.city, x.created_date_time] for x in page.value]

    async def paged():
        ids = []
        first = await client.audit_logs.sign_ins.get(asked(top=2, select=["id"]))
        await PageIterator(first, adapter).iterate(lambda x: ids.append(x.id) or True)
        return ids

    async def safe():
        await client.audit_logs.sign_ins.confirm_safe.post(ConfirmSafePostRequestBody(request_ids=["s1"]))
        x = await client.audit_logs.sign_ins.by_sign_in_id("s1").get()
        return [x.risk_state.value, x.risk_detail.value]

    await arun("graph list", listed)
    await arun("graph pages", paged)
    await arun("graph confirm safe", safe)
    await arun("graph mistake", lambda: client.audit_logs.sign_ins.get(asked(filter="nope eq 1")))
    await arun("graph nothing", lambda: client.audit_logs.sign_ins.by_sign_in_id("nope").get())


asyncio.run(graph())
