package push

import (
	"bytes"
	"encoding/json"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
)

// FrameType is the content type of frames: records with what a way in knows of
// each. A frame is a line of JSON (form, tenant, where, reason, bytes), then so
// many bytes, then a line end. `sextant import` sends them.
const FrameType = "application/vnd.sextant.records"

type frameHead struct {
	Form   string `json:"form,omitempty"`
	Tenant string `json:"tenant,omitempty"`
	Where  string `json:"where,omitempty"`
	Reason string `json:"reason,omitempty"`
	Bytes  int    `json:"bytes"`
}

// AppendFrame writes one record as a frame.
func AppendFrame(b []byte, in source.Incoming) ([]byte, error) {
	head, err := json.Marshal(frameHead{in.Form.String(), in.Tenant, in.Where, in.Reason, len(in.JSON)})
	if err != nil {
		return b, err
	}
	b = append(append(b, head...), '\n')
	return append(append(b, in.JSON...), '\n'), nil
}

func parseFrames(body []byte) ([]source.Incoming, error) {
	var recs []source.Incoming
	for at := 0; at < len(body); {
		end := bytes.IndexByte(body[at:], '\n')
		if end < 0 {
			return nil, fault.New(fault.Invalid, "frame %d (byte %d) has no end of its head", len(recs)+1, at)
		}
		var h frameHead
		if err := json.Unmarshal(body[at:at+end], &h); err != nil {
			return nil, fault.New(fault.Invalid, "frame %d (byte %d) has no proper head: %w", len(recs)+1, at, err)
		}
		form, err := record.ParseForm(h.Form)
		if err != nil {
			return nil, err
		}
		at += end + 1
		if h.Bytes < 0 || h.Bytes > len(body)-at-1 || body[at+h.Bytes] != '\n' {
			return nil, fault.New(fault.Invalid, "frame %d (byte %d) is not as long as its head says", len(recs)+1, at)
		}
		recs = append(recs, source.Incoming{JSON: body[at : at+h.Bytes], Form: form, Tenant: h.Tenant, Where: h.Where, Reason: h.Reason})
		at += h.Bytes + 1
	}
	if len(recs) == 0 {
		return nil, fault.New(fault.Invalid, "the body holds no frame")
	}
	return recs, nil
}
