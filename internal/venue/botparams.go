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
	"strconv"
)

// A File is one that the bot uploaded.
type File struct {
	Name string
	Data []byte
}

// params are the parameters of a call. Numbers of a JSON body are json.Number;
// everything in a multipart body is a string or a File.
type params map[string]any

// parameterTypes has the parameters of all simulated methods.
var parameterTypes = map[string]func(params, string) bool{
	"action": isString, "callback_query_id": isString, "caption": isString, "description": isString,
	"language_code": isString, "parse_mode": isString, "short_description": isString, "text": isString,
	"chat_id": is[int64], "limit": is[int64], "message_id": is[int64], "message_thread_id": is[int64],
	"offset": is[int64], "timeout": is[int64],
	"disable_notification": is[bool], "drop_pending_updates": is[bool], "show_alert": is[bool],
	"link_preview_options": is[params], "reply_markup": is[params], "reply_parameters": is[params], "scope": is[params],
	"allowed_updates": is[[]any], "commands": is[[]any],
	"document": isFile, "photo": isFile,
}

func is[T any](p params, name string) bool {
	var v T
	return p.into(name, &v) == nil
}

func isString(p params, name string) bool {
	_, ok := p[name].(string)
	return ok
}

func isFile(p params, name string) bool {
	_, ok := p[name].(File)
	return ok
}

// check reports the parameters that no method has, or that have a wrong type.
func (p params) check() error {
	var mistakes []error
	for name := range p {
		if is, known := parameterTypes[name]; !known {
			mistakes = append(mistakes, fmt.Errorf("unknown parameter %s", name))
		} else if p[name] != nil && !is(p, name) {
			mistakes = append(mistakes, fmt.Errorf("parameter %s has a wrong type", name))
		}
	}
	return errors.Join(mistakes...)
}

// readParams reads the parameters of a call from a JSON or a multipart body.
func readParams(contentType string, body []byte) (params, error) {
	p := params{}
	if len(body) == 0 {
		return p, nil
	}
	switch kind, attributes, err := mime.ParseMediaType(contentType); {
	case err != nil:
		return nil, err
	case kind == "application/json":
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		err := d.Decode(&p)
		return p, err
	case kind == "multipart/form-data":
		err := p.readParts(multipart.NewReader(bytes.NewReader(body), attributes["boundary"]))
		return p, err
	default:
		return nil, fmt.Errorf("content type %q", kind)
	}
}

func (p params) readParts(r *multipart.Reader) error {
	for {
		part, err := r.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		if file := part.FileName(); file != "" {
			p[part.FormName()] = File{file, data}
		} else {
			p[part.FormName()] = string(data)
		}
	}
}

// text returns a parameter as text, whether it came as text, number or Boolean.
func (p params) text(name string) string {
	if p[name] == nil {
		return ""
	}
	return fmt.Sprint(p[name])
}

func (p params) int(name string) int64 {
	n, _ := strconv.ParseInt(p.text(name), 10, 64)
	return n
}

func (p params) bool(name string) bool { return p.text(name) == "true" }

// into decodes a parameter that is not text, but comes as text in a multipart
// body. Without the parameter v stays as it is.
func (p params) into(name string, v any) error {
	switch value := p[name].(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(value), v)
	default:
		js, err := json.Marshal(value)
		if err != nil {
			return err
		}
		return json.Unmarshal(js, v)
	}
}

// A refusal is an answer that is not ok.
type refusal struct {
	Code        int            `json:"error_code"`
	Description string         `json:"description"`
	Parameters  map[string]any `json:"parameters,omitempty"`
	OK          bool           `json:"ok"` // never
}

func (r *refusal) Error() string { return r.Description }

func refuse(code int, description string) error {
	return &refusal{Code: code, Description: description}
}

func badRequest(format string, args ...any) error {
	return refuse(http.StatusBadRequest, "Bad Request: "+fmt.Sprintf(format, args...))
}

func tooMany(retryAfter int) error {
	return &refusal{Code: http.StatusTooManyRequests,
		Description: fmt.Sprintf("Too Many Requests: retry after %d", retryAfter),
		Parameters:  map[string]any{"retry_after": retryAfter}}
}

// respond sends the result of a call, or the refusal that err is.
func respond(w http.ResponseWriter, result any, err error) {
	code, answer := http.StatusOK, any(map[string]any{"ok": true, "result": result})
	if r, ok := errors.AsType[*refusal](err); ok {
		code, answer = r.Code, r
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
