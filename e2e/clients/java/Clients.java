import com.microsoft.azure.kusto.data.Client;
import com.microsoft.azure.kusto.data.ClientFactory;
import com.microsoft.azure.kusto.data.ClientRequestProperties;
import com.microsoft.azure.kusto.data.KustoResultSetTable;
import com.microsoft.azure.kusto.data.StreamingClient;
import com.microsoft.azure.kusto.data.auth.ConnectionStringBuilder;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;

/**
 * Runs Microsoft's Java client of Kusto against a server and prints what came of it,
 * one JSON line for each case: {"case":..., "ok":..., "got":...}.
 *
 * From the environment: SEXTANT_URL (https), SEXTANT_TOKEN. The trust store of the
 * machine's properties holds the server's authority.
 */
public class Clients {
  static String quoted(Object o) {
    StringBuilder b = new StringBuilder("\"");
    for (char c : String.valueOf(o).toCharArray()) {
      if (c == '"' || c == '\\') {
        b.append('\\').append(c);
      } else {
        b.append(c < ' ' ? ' ' : c);
      }
    }
    return b.append('"').toString();
  }

  static void run(String name, Callable<Object> f) {
    boolean ok = true;
    Object got;
    try {
      got = f.call();
    } catch (Exception e) { // what a client throws is what is looked at
      ok = false;
      got = e.getClass().getSimpleName() + " " + e.getMessage();
    }
    System.out.println("{\"case\":" + quoted(name) + ",\"ok\":" + ok + ",\"got\":" + quoted(got) + "}");
  }

  public static void main(String[] args) throws Exception {
    ConnectionStringBuilder at =
        ConnectionStringBuilder.createWithAadAccessTokenAuthentication(System.getenv("SEXTANT_URL"), System.getenv("SEXTANT_TOKEN"));
    Client client = ClientFactory.createClient(at);
    run("kusto query", () -> {
      ClientRequestProperties p = new ClientRequestProperties();
      p.setParameter("n", 2);
      KustoResultSetTable t = client.executeQuery("default",
          "declare query_parameters(n:long); range x from 1 to n step 1 | extend d = dynamic({'a':[1]}), t = datetime(2026-01-02), s = 1h", p).getPrimaryResults();
      StringBuilder rows = new StringBuilder();
      while (t.next()) {
        rows.append(t.getLong("x") + " " + t.getObject("d") + " " + t.getKustoDateTime("t") + " " + t.getLocalTime("s") + ";");
      }
      return rows;
    });
    run("kusto command", () -> {
      KustoResultSetTable t = client.executeMgmt("default", ".show tables | where TableName == 'SigninLogs'").getPrimaryResults();
      t.next();
      return t.getString("TableName");
    });
    run("kusto mistake", () -> client.executeQuery("default", "SigninLogs | where Nope == 1"));
    StreamingClient streaming = ClientFactory.createStreamingClient(at);
    run("kusto stream", () -> {
      StringBuilder lines = new StringBuilder();
      for (int i = 0; i < 500; i++) {
        lines.append("{\"Item\":\"streamed by java\",\"Count\":" + i + "}\n");
      }
      streaming.executeStreamingIngest("default", "Shop_CL", new ByteArrayInputStream(lines.toString().getBytes(StandardCharsets.UTF_8)), null, "json", null, false);
      return 500;
    });
    System.exit(0); // the client's threads would keep it
  }
}
