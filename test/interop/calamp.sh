# CalAmp with curl and its cookie jar.
url=$1
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
ask() {
	curl -sS -b "$jar" -c "$jar" -H 'Accept: application/json;charset=UTF-8' \
		-H 'calamp-services-app: c0ffee00-0000-4000-8000-000000000001' "$@"
}
login() { ask -o /dev/null -w '%{http_code}' "$url/connect/services/login?useAuthToken=true" -d username=demo@calamp.example -d "password=$1"; }
cookie() { token=$(awk '$6 == "authToken" { print $7 }' "$jar"); echo "${#token} characters"; }
call() { ask -w '%{http_code}\n' "$url/connect/services/users/currentUser"; }

status=$(login demo-password)
echo "login: $status, $(cookie)"
who=$(call)
echo "call: $(echo "$who" | tail -n 1), $(echo "$who" | sed -n 's/.*Sallyport-Subject": "\(.*\)".*/\1/p') over $(echo "$who" | sed -n 's/.*Sallyport-Dialect": "\(.*\)".*/\1/p')"
cp "$jar" "$jar.good"
status=$(login wrong) # which takes the cookie away
echo "wrong password: $status, $(cookie)"
mv "$jar.good" "$jar"
cp "$jar" "$jar.good"
status=$(ask -o /dev/null -w '%{http_code}' "$url/connect/services/logout")
echo "logout: $status, $(cookie)"
mv "$jar.good" "$jar"
echo "after logout: $(call | tail -n 1 | grep -oE '[0-9]{3}$')"
