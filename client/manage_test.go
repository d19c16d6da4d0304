package client

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"sextant/fault"
)

// A server in this process is asked as one elsewhere is.
func TestInside(t *testing.T) {
	c, err := Inside(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/gone":
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"error":{"code":"Nothing","message":"nothing is there"}}`)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		case "/text":
			_, _ = io.WriteString(w, "words")
		default:
			_ = json.NewEncoder(w).Encode(map[string]string{
				"method": r.Method, "query": r.URL.RawQuery, "token": r.Header.Get("Authorization"), "body": string(b), "host": r.Host, "type": r.Header.Get("Content-Type"),
			})
		}
	}), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var got map[string]string
	if err := c.JSON(t.Context(), http.MethodPut, "/x?y=1", map[string]int{"n": 1}, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"method": "PUT", "query": "y=1", "token": "Bearer secret", "body": `{"n":1}`, "host": "localhost", "type": "application/json"} {
		if got[name] != want {
			t.Errorf("%s is %q", name, got[name])
		}
	}
	if err := c.JSON(t.Context(), http.MethodGet, "/gone", nil, &got); fault.KindOf(err) != fault.NotFound || err.Error() != "nothing is there" {
		t.Errorf("%v", err)
	}
	if err := c.JSON(t.Context(), http.MethodDelete, "/empty", nil, &got); err != nil {
		t.Errorf("%v", err)
	}
	if err := c.JSON(t.Context(), http.MethodGet, "/text", nil, &got); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
	if err := c.JSON(t.Context(), http.MethodPut, "/x", func() {}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
