package gate

import (
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
)

// allowed has Envoy pass on out instead of call, under the identity given, and
// add to the API's answer what is for the client. Of a body Envoy can change
// nothing.
func allowed(call *envoyCall, out *http.Request, identity, toClient http.Header) *authv3.CheckResponse {
	ok := &authv3.OkHttpResponse{}
	for name, v := range identity {
		ok.Headers = append(ok.Headers, set(name, v[0]))
	}
	for name, lines := range call.Header {
		now, kept := out.Header[name]
		switch {
		case identity[name] != nil: // replaced above; Envoy removes after it sets
		case claimsIdentity(name), !kept:
			ok.HeadersToRemove = append(ok.HeadersToRemove, strings.ToLower(name))
		case name != "Content-Length" && !slices.Equal(lines, now):
			ok.Headers = append(ok.Headers, set(name, strings.Join(now, call.separator(name))))
		}
	}
	if out.URL.RawQuery != call.URL.RawQuery {
		ok.Headers = append(ok.Headers, set(":path", withQuery(call.target, out.URL.RawQuery)))
		// In case Envoy was told to leave :path alone.
		ok.QueryParametersToRemove = gone(call.URL.RawQuery, out.URL.RawQuery)
	}
	ok.ResponseHeadersToAdd = headers(toClient)
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok},
	}
}

// denied has Envoy answer with a refusal. Envoy goes by the status of the
// response and not by that of the refusal, which may be 200.
func denied(w *written) *authv3.CheckResponse {
	status := w.status
	if _, known := typev3.StatusCode_name[int32(status)]; !known || status == 0 {
		status = http.StatusForbidden
	}
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: typev3.StatusCode(status)},
			Headers: headers(w.header),
			Body:    strings.ToValidUTF8(w.body.String(), "?"),
		}},
	}
}

// separator is what the lines of a header are joined by: what Envoy did with
// those of the map, and what RFC 9113 section 8.2.3 says of cookies.
func (c *envoyCall) separator(name string) string {
	if name == "Cookie" && !c.joined {
		return "; "
	}
	return ","
}

// set replaces a header, however often it is there.
func set(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: strings.ToValidUTF8(value, "?")},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

// headers are those of an answer to a client. What Envoy itself says about the
// body is left to it; a cookie is never set in place of another.
func headers(h http.Header) []*corev3.HeaderValueOption {
	list := make([]*corev3.HeaderValueOption, 0, len(h))
	for name, lines := range h {
		if name == "Content-Length" || name == "Transfer-Encoding" || name == "Connection" {
			continue
		}
		for i, line := range lines {
			o := set(name, line)
			if i > 0 || name == "Set-Cookie" {
				o.AppendAction = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
			}
			list = append(list, o)
		}
	}
	return list
}

// withQuery is a target with another query. What is not ASCII is
// percent-encoded, which says the same and fits into a message.
func withQuery(target, query string) string {
	target, _, _ = strings.Cut(target, "?")
	if query != "" {
		target += "?" + query
	}
	b := make([]byte, 0, len(target))
	for i := range len(target) {
		if c := target[i]; c < 0x80 {
			b = append(b, c)
		} else {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(b)
}

const hexDigits = "0123456789ABCDEF"

// gone are the names of the parameters that are in the query no more, as Envoy
// compares them: as they were written, and between ampersands alone.
func gone(before, after string) (names []string) {
	kept := map[string]bool{}
	for pair := range strings.SplitSeq(after, "&") {
		name, _, _ := strings.Cut(pair, "=")
		kept[name] = true
	}
	for pair := range strings.SplitSeq(before, "&") {
		if name, _, _ := strings.Cut(pair, "="); !kept[name] {
			kept[name] = true // once
			names = append(names, name)
		}
	}
	return names
}
