package client

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
)

// Options say where the API is, and who asks: a key of an account, or the token of a
// session of the console.
type Options struct {
	URL     string // of the admin listener, such as https://admin.example.com or http://127.0.0.1:8081
	Account string // number or code
	Secret  string // of a key of the account, that has a role
	Token   string // instead of account and secret

	HTTP *http.Client // nil: one with a limit of two minutes a request
}

// Client calls the API. Its methods may be called from many goroutines.
type Client struct {
	base      string
	authorize func(*http.Request)
	http      *http.Client
}

// requestTime bounds one request, but for streams.
const requestTime = 2 * time.Minute

// New makes a client. It refuses plain HTTP to another machine: the secret would be
// there for everybody on the way to read.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the address of the server must be like https://admin.example.com or http://127.0.0.1:8081")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%s is not this machine and http would show the secret to everybody on the way: use https", u.Hostname())
	}
	c := &Client{base: strings.TrimSuffix(u.String(), "/"), http: &http.Client{}}
	if o.HTTP != nil {
		*c.http = *o.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the secret is for this address
	switch {
	case o.Token != "":
		c.authorize = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+o.Token) }
	case o.Account != "" && o.Secret != "":
		c.authorize = func(r *http.Request) { r.SetBasicAuth(o.Account, o.Secret) }
	default:
		return nil, errors.New("say who asks: an account and the secret of one of its keys, or a token")
	}
	return c, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && a.IsLoopback())
}

// InProcess makes a client of a handler in this process, that knows who asks.
func InProcess(h http.Handler) *Client {
	return &Client{base: "http://localhost", authorize: func(*http.Request) {}, http: &http.Client{Transport: handlerTransport{h}}}
}

// Error is a problem that the server reports.
type Error struct{ api.Problem }

// Error says what went wrong and what to do.
func (e *Error) Error() string {
	text := e.Title
	if e.Field != "" && !strings.HasPrefix(e.Detail, e.Field+" ") {
		text += ": " + e.Field
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Code is one of the codes of problems in package api.
func (e *Error) Code() string { return strings.TrimPrefix(e.Type, api.ProblemPrefix) }

// HasCode says whether an error is a problem of a code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code() == code
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 32 << 20

// do runs an operation.
func do[In, Out any](ctx context.Context, c *Client, op *api.Op[In, Out], in In) (out Out, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	answer, err := c.send(ctx, &op.Operation, reflect.ValueOf(in))
	if err != nil {
		return out, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return out, fmt.Errorf("%s: reading the answer: %w", op.Name, err)
	}
	return out, nil
}

// send sends the request of an operation and returns an answer that is a success.
func (c *Client) send(ctx context.Context, op *api.Operation, in reflect.Value) (*http.Response, error) {
	r, err := c.request(ctx, op, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op.Name, err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s: asking the server: %w", op.Name, err)
	}
	if answer.StatusCode == op.Status() {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, problem(op, answer)
}

func problem(op *api.Operation, answer *http.Response) error {
	var e Error
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if err != nil || kind != api.ProblemType || json.Unmarshal(text, &e.Problem) != nil {
		return fmt.Errorf("%s: the server answered %s, and not as Sallyport's administration does: is the address right?", op.Name, answer.Status)
	}
	return &e
}

// request makes the request: each field of the input goes where its tag says.
func (c *Client) request(ctx context.Context, op *api.Operation, in reflect.Value) (*http.Request, error) {
	path, query, body := op.Path, url.Values{}, map[string]any{}
	for _, f := range reflect.VisibleFields(in.Type()) {
		v := in.FieldByIndex(f.Index)
		if name := f.Tag.Get("path"); name != "" {
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(text(v)), 1)
		}
		if name := f.Tag.Get("query"); name != "" && !v.IsZero() {
			query.Set(name, text(v))
		}
		if name, options, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && (!v.IsZero() || !strings.Contains(options, "omitempty")) {
			body[name] = v.Interface()
		}
	}
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var content io.Reader
	if op.HasBody() {
		coded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(coded)
	}
	r, err := http.NewRequestWithContext(ctx, op.Method, address, content)
	if err != nil {
		return nil, err
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	c.authorize(r)
	return r, nil
}

// text is a value as it stands in a URL.
func text(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if t, ok := v.Interface().(time.Time); ok {
		return t.Format(time.RFC3339Nano)
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	if v.CanInt() {
		return strconv.FormatInt(v.Int(), 10)
	}
	return fmt.Sprint(v.Interface())
}
