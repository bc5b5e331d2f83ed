package venue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
)

// parameters are the parameters of all simulated methods. Others are refused.
type parameters struct {
	Chat     int64  `json:"chat_id"`
	Topic    int64  `json:"message_thread_id"`
	Message  int64  `json:"message_id"`
	Text     string `json:"text"`
	Caption  string `json:"caption"`
	Mode     string `json:"parse_mode"`
	Silent   bool   `json:"disable_notification"`
	Action   string `json:"action"`
	Query    string `json:"callback_query_id"`
	Photo    File   `json:"-"`
	Document File   `json:"-"`
	ReplyTo  struct {
		Message int64 `json:"message_id"`
		Anyway  bool  `json:"allow_sending_without_reply"`
	} `json:"reply_parameters"`
	Markup struct {
		Keyboard [][]Button `json:"inline_keyboard"`
	} `json:"reply_markup"`

	Offset  int64    `json:"offset"`
	Timeout int64    `json:"timeout"` // s
	Allowed []string `json:"allowed_updates"`

	Commands []struct {
		Command     string `json:"command"`
		Description string `json:"description"`
	} `json:"commands"`
	Scope struct {
		Type string `json:"type"`
		Chat int64  `json:"chat_id"`
	} `json:"scope"`
	Description      string `json:"description"`
	ShortDescription string `json:"short_description"`
}

// readParameters reads the parameters of a call from a JSON or a multipart body.
// It also returns them as received, without files.
func readParameters(contentType string, body []byte) (p parameters, raw map[string]any, err error) {
	kind, attributes, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "multipart/form-data" {
		body, err = p.readParts(multipart.NewReader(bytes.NewReader(body), attributes["boundary"]))
	}
	if err != nil {
		return p, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return p, raw, errors.Join(json.Unmarshal(body, &raw), d.Decode(&p))
}

// readParts keeps the files of a multipart body, and returns the rest in JSON.
func (p *parameters) readParts(r *multipart.Reader) ([]byte, error) {
	form, err := r.ReadForm(50 << 20)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	for name, values := range form.Value {
		if slices.Contains([]string{"caption", "parse_mode"}, name) {
			fields[name] = values[0]
		} else {
			fields[name] = json.RawMessage(values[0])
		}
	}
	for name, files := range form.File {
		f, err := files[0].Open()
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		if err != nil {
			return nil, err
		}
		switch file := (File{files[0].Filename, data}); name {
		case "photo":
			p.Photo = file
		case "document":
			p.Document = file
		default:
			return nil, fmt.Errorf("unknown file %q", name)
		}
	}
	return json.Marshal(fields)
}

// An apiError is an answer that is not ok.
type apiError struct {
	Code        int            `json:"error_code"`
	Description string         `json:"description"`
	Parameters  map[string]any `json:"parameters,omitempty"`
	OK          bool           `json:"ok"` // never
}

func (e *apiError) Error() string { return e.Description }

func refuse(code int, description string) error {
	return &apiError{Code: code, Description: description}
}

func badRequest(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "Bad Request: "+fmt.Sprintf(format, args...))
}

// respond sends the result of a call, or the apiError that err is.
func respond(w http.ResponseWriter, result any, err error) {
	code, answer := http.StatusOK, any(map[string]any{"ok": true, "result": result})
	if e, ok := errors.AsType[*apiError](err); ok {
		code, answer = e.Code, e
	}
	js, err := json.Marshal(answer)
	if err != nil {
		panic("venue: Bot API: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(js)))
	w.WriteHeader(code)
	w.Write(js)
}
