package clients

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// java gives the program that runs it and the class path of the packages of pom.xml: in
// a folder of the cache, once for each version of that file.
func java(t *testing.T) (program, classes string) {
	t.Helper()
	for _, name := range []string{"java", "keytool", "mvn"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("skipped 1 case: there is no Java to build with: no %s", name)
		}
	}
	wanted, err := os.ReadFile("java/pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "sextant", "java")
	mark, classes := filepath.Join(dir, "installed.xml"), filepath.Join(dir, "lib", "*")
	if is, err := os.ReadFile(mark); err == nil && bytes.Equal(is, wanted) {
		return "java", classes
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	install := exec.Command("mvn", "-q", "-B", "-f", "java/pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "lib"))
	install.WaitDelay = time.Second
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("skipped 1 case: the packages of java/pom.xml cannot be had: %v\n%s", err, out)
	}
	if err := os.WriteFile(mark, wanted, 0o600); err != nil {
		t.Fatal(err)
	}
	return "java", classes
}

// TestJava runs java/Clients.java and reads what it says.
func TestJava(t *testing.T) {
	program, classes := java(t)
	s := start(t)
	trusted := filepath.Join(t.TempDir(), "trusted.p12")
	if out, err := exec.Command("keytool", "-importcert", "-noprompt", "-alias", "sextant", "-file", s.ca, "-keystore", trusted, "-storepass", "not-secret").CombinedOutput(); err != nil {
		t.Fatalf("keytool: %v\n%s", err, out)
	}
	cmd := exec.Command(program, "-Djavax.net.ssl.trustStore="+trusted, "-Djavax.net.ssl.trustStorePassword=not-secret", "-cp", classes, "java/Clients.java")
	cmd.Env = append(os.Environ(), "SEXTANT_URL="+s.url, "SEXTANT_TOKEN="+token)
	s.told(cmd, map[string]string{
		"kusto query":   `^true "1 \{\\"a\\":\[1\]\} 2026-01-02T00:00 01:00;2 `,
		"kusto command": `^true "SigninLogs"`,
		"kusto mistake": `^false "DataServiceException .*SEM0100`,
		"kusto stream":  `^true "500"`,
	})
	s.settle()
	s.streamed("java")
}
