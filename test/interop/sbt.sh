# SolutionsByText with curl: the JSON face.
url=$1/SBT.App.SetUp/RSServices
member() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p"; }
say() { echo "$1: $(echo "$2" | member Result), $(echo "$2" | member ErrorCode), $(echo "$2" | member Message)"; }

said=$(curl -sS "$url/LoginAPIService.svc/AuthenticateAPIKey?APIKey=demo-sbt-1-week")
# The wrapper's own name ends in Result as well.
say login "${said#*:}"
token=$(echo "$said" | member SecurityToken)
who=$(curl -sS "$url/GeneralRSService.svc/GetCarrierLookup?securityToken=$token&orgCode=ACME-WEST-1&phone=5551234567")
echo "call: $(echo "$who" | member Sallyport-Account) over $(echo "$who" | member Sallyport-Dialect)"
said=$(curl -sS "$url/LoginAPIService.svc/AuthenticateAPIKey?APIKey=no-such-key")
say 'wrong key' "${said#*:}"
said=$(curl -sS "$url/MessageRSService.svc/SendMessage" -H 'Content-Type: application/json' \
	-d '{"securityToken":"no-such-token","orgCode":"ACME-WEST-1","sendTo":[{"sendTo":"5551234567","CustomFields":null}],"message":"hello"}')
say 'wrong token' "${said#*:}"
