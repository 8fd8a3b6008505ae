package test

import (
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3" // the schemas that the document uses
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
)

// The configuration of Envoy that the document shows has only fields that Envoy
// knows, with values that it takes, and says what the document says must stay.
func TestEnvoyConfiguration(t *testing.T) {
	var text string
	for _, b := range blocks(t, "docs/gate/envoy.md") {
		if b.kind == "envoy" {
			text = b.text
		}
	}
	json, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	boot := new(bootstrapv3.Bootstrap)
	if err := protojson.Unmarshal(json, boot); err != nil {
		t.Fatal(err)
	}
	if err := boot.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	clusters := map[string]bool{}
	for _, c := range boot.GetStaticResources().GetClusters() {
		clusters[c.GetName()] = true
	}
	network := boot.GetStaticResources().GetListeners()[0].GetFilterChains()[0].GetFilters()[0].GetTypedConfig()
	manager := new(managerv3.HttpConnectionManager)
	if err := network.UnmarshalTo(manager); err != nil {
		t.Fatal(err)
	}
	filter := new(extauthzv3.ExtAuthz)
	if err := manager.GetHttpFilters()[0].GetTypedConfig().UnmarshalTo(filter); err != nil {
		t.Fatal(err)
	}
	if err := manager.ValidateAll(); err != nil {
		t.Error(err)
	}
	if err := filter.ValidateAll(); err != nil {
		t.Error(err)
	}
	if !manager.GetUseRemoteAddress().GetValue() || filter.GetFailureModeAllow() || !filter.GetEncodeRawHeaders() ||
		!filter.GetWithRequestBody().GetPackAsBytes() || filter.GetAllowedHeaders() != nil || filter.GetDecoderHeaderMutationRules() != nil {
		t.Error("what must stay did not stay")
	}
	if !clusters[filter.GetGrpcService().GetEnvoyGrpc().GetClusterName()] {
		t.Errorf("Envoy asks a cluster that is none of %v", clusters)
	}
	for _, r := range manager.GetRouteConfig().GetVirtualHosts()[0].GetRoutes() {
		if !clusters[r.GetRoute().GetCluster()] {
			t.Errorf("a route leads to a cluster that is none of %v", clusters)
		}
		if off := r.GetTypedPerFilterConfig(); off != nil && !strings.HasPrefix(r.GetRoute().GetCluster(), "sallyport") {
			t.Error("a call that goes elsewhere than to Sallyport is not checked")
		}
	}
}
