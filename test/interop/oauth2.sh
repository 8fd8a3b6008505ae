# OAuth 2.0 with curl.
url=$1
member() { sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'; }
endpoint() { echo "$metadata" | member "$1"; }

metadata=$(curl -sS "$url/.well-known/oauth-authorization-server")
grants=$(echo "$metadata" | grep -oE '"grant_types_supported":\[[^]]*\]' | grep -o , | wc -l)
[ "$(endpoint issuer)" = "$url" ] && echo "metadata: true, $((grants + 1)) grants"

lower() { tr '[:upper:]' '[:lower:]'; }
answer=$(curl -sS "$(endpoint token_endpoint)" -d grant_type=client_credentials -d client_id=demo-client -d client_secret=demo-secret)
token=$(echo "$answer" | member access_token)
echo "form: $(echo "$answer" | member token_type | lower), ${#token} characters"
answer=$(curl -sS -u demo-client:demo-secret "$(endpoint token_endpoint)" -d grant_type=client_credentials)
token=$(echo "$answer" | member access_token)
echo "login: $(echo "$answer" | member token_type | lower), ${#token} characters, $(echo "$answer" | member expires_in) s, $(echo "$answer" | member scope)"

who=$(curl -sS --oauth2-bearer "$token" "$url/v1/orders")
echo "call: $(echo "$who" | sed -n 's/.*Sallyport-Account": "\(.*\)".*/\1/p') over $(echo "$who" | sed -n 's/.*Sallyport-Dialect": "\(.*\)".*/\1/p')"

introspect() { curl -sS -u demo-verifier:demo-verifier-secret "$(endpoint introspection_endpoint)" -d "token=$1"; }
told=$(introspect "$token")
life=$(($(echo "$told" | member exp) - $(echo "$told" | member iat)))
echo "introspection: $(echo "$told" | member active), $(echo "$told" | member client_id), $(echo "$told" | member username), $life s"
echo "made up: $(introspect made-up)"

answer=$(curl -sS -w ' %{http_code}' -u demo-client:wrong "$(endpoint token_endpoint)" -d grant_type=client_credentials)
echo "wrong secret: ${answer##* }, $(echo "$answer" | member error)"
curl -sS -u demo-client:demo-secret "$(endpoint revocation_endpoint)" -d "token=$token"
echo "revoked: $(introspect "$token" | member active)"
echo "after revocation: $(curl -sS -o /dev/null -w '%{http_code}' --oauth2-bearer "$token" "$url/v1/orders")"
