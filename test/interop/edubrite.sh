# The vendor's recipe for curl: connect.do for the first cookie, index.do for the
# second, signinService.do with both from the jar.
url=$1/oltpublish/site
jar=$(mktemp)
trap 'rm -f "$jar" "$jar.wrong" "$jar.browser"' EXIT

login() {
	curl -sS -o /dev/null -c "$jar" "$url/connect.do"
	curl -sS -o /dev/null -w "$1: %{http_code}, " -b "$jar" -c "$jar" "$url/index.do" \
		-d 'username=api_11111111-2222-3333-4444-555555555555' -d "password=$2"
}
cookies() { awk '$6 == "SESSION_INFO" { info = 1 } $6 == "SESSION_ID" { id = 1 } END { print info + id " cookies" }' "$jar"; }
value() { sed -n "s/.*<$1><!\[CDATA\[\(.*\)\]\]><\/$1>.*/\1/p"; }
message() {
	code=$(echo "$1" | sed -n 's/.*<response code="\(.*\)">.*/\1/p')
	echo "$(echo "$1" | tail -n 1), $code, $(echo "$1" | sed -n 's/.*<code>\(.*\)<\/code>.*/\1/p'), $(echo "$1" | value value)"
}
create() { curl -sS -w '\n%{http_code}' -b "$1" -H "REAL_UNAME:$2" "$url/signinService.do?dispatch=createSessionApi"; }
member() { sed -n "s/.*\"$1\": \"\(.*\)\".*/\1/p"; }

login 'wrong password' wrong
grep -q SESSION_INFO "$jar" || echo '0 cookies'
login login 'Abc-_0*|123456789012'
cookies
who=$(curl -sS -w '%{http_code}\n' -b "$jar" -H 'REAL_UNAME:charles' "$url/userService.do?dispatch=list")
echo "call: $(echo "$who" | tail -n 1), $(echo "$who" | member Sallyport-Subject) over $(echo "$who" | member Sallyport-Dialect)"

said=$(create "$jar" 'charles|charles@edubrite.example|Charles')
echo "session: $(message "$said")"
who=$(curl -sS -L -c "$jar.browser" -b '' "$url/index.do?sessionId=$(echo "$said" | value sessionId)&sInfo=$(echo "$said" | value sessionInfo)")
echo "browser: $(echo "$who" | member Sallyport-Subject) at $(echo "$who" | member path)"

echo "inactive: $(message "$(create "$jar" dora)")"
awk -F '\t' 'BEGIN { OFS = FS } $6 == "SESSION_INFO" { $7 = "AAAA**" } { print }' "$jar" >"$jar.wrong"
echo "wrong cookie: $(message "$(create "$jar.wrong" charles)")"
