# DomainPunch with curl and its cookie jar, and with the etoken, from which PHP's
# \/ has to be taken.
url=$1
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
member() { sed -n "s/.*\"$1\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | sed 's/\\//g'; }
login() { curl -sS -b "$jar" -c "$jar" "$url/api.php?c=auth&user=setup-admin&pass=$1"; }
command='c=set&t=domain&oper=parse&id=191'

said=$(login wrong)
echo "wrong password: $(echo "$said" | member status), $(echo "$said" | member error)"
said=$(login demo-password)
echo "login: $(echo "$said" | member status), $(echo "$said" | member user), $(echo "$said" | member userid), $(echo "$said" | member displayname), $(echo "$said" | member rights)"

for _ in 1 2 3 4 5; do
	etoken=$(login demo-password | member etoken)
	who=$(curl -sS "$url/api-sl.php?$command" -H "Authorization: Bearer $etoken")
	case $who in *identity*) break ;; esac
done
echo "etoken: $(echo "$who" | member Sallyport-Subject) over $(echo "$who" | member Sallyport-Dialect) at $(echo "$who" | member path)"
said=$(curl -sS -w ' %{http_code}' "$url/api-sl.php?$command" -H 'Authorization: Bearer bm8=')
echo "wrong etoken: ${said##* }, $(echo "$said" | member status), $(echo "$said" | member error), $(echo "$said" | member validate)"

login demo-password >/dev/null
who=$(curl -sS -b "$jar" -c "$jar" "$url/api.php?$command")
echo "cookie: $(echo "$who" | member Sallyport-Subject) over $(echo "$who" | member Sallyport-Dialect) at $(echo "$who" | member path)"
said=$(curl -sS -b "$jar" -c "$jar" "$url/api.php?c=auth&logout")
echo "logout: $(echo "$said" | member status), $(echo "$said" | member error)"
said=$(curl -sS -b "$jar" -c "$jar" "$url/api.php?$command")
echo "after logout: $(echo "$said" | member status), $(echo "$said" | member error), $(echo "$said" | member validate)"
