# Electa with curl: a GET, and a form; XML taken apart with sed.
url=$1
field() { sed -n "s/.*<$1>\(.*\)<\/$1>.*/\1/p"; }

try() {
	token=$(echo "$1" | field ResponseData)
	echo "login: $(echo "$1" | field ResponseCode), ${#token} characters"
	who=$(curl -sS "$url/logs/?cid=123456&token=$token&RoomId=1093")
	echo "call: $(echo "$who" | sed -n 's/.*Sallyport-Account": "\(.*\)".*/\1/p') over $(echo "$who" | sed -n 's/.*Sallyport-Dialect": "\(.*\)".*/\1/p')"
}

try "$(curl -sS "$url/token/?cid=123456&appkey=UO86CN11XY73SF72TT40PG18ZE76VV71")"
try "$(curl -sS "$url/token/" -d CID=123456 -d AppKey=UO86CN11XY73SF72TT40PG18ZE76VV71)"
said=$(curl -sS "$url/token/?cid=123456&appkey=AB12CD34EF56GH78IJ90KL12MN34OP56")
echo "wrong key: $(echo "$said" | field ResponseCode), $(echo "$said" | field ResponseData)"
said=$(curl -sS "$url/logs/?cid=123456&token=9c467079-fe3b-45c5-8aa5-9726397081aa")
echo "wrong token: $(echo "$said" | field ResponseCode), $(echo "$said" | field ResponseData)"
