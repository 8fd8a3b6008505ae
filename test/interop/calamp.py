# CalAmp with urllib, as a client in the field does it: the cookie's header is cut
# apart by hand for the token and its end, and the token goes out as a Bearer.
import json
import sys
from datetime import datetime, timezone
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

url = sys.argv[1]
app = {"Accept": "application/json;charset=UTF-8", "Calamp-Services-App": "c0ffee00-0000-4000-8000-000000000001"}

now = datetime.now(timezone.utc).replace(tzinfo=None)


def ask(path, form=None, **header):
    try:
        with urlopen(Request(url + path, form and urlencode(form).encode(), {**app, **header})) as r:
            return r.status, r.headers, r.read()
    except HTTPError as e:
        with e:
            return e.code, e.headers, e.read()


def login(password):
    form = {"username": "demo@calamp.example", "password": password}
    status, headers, _ = ask("/connect/services/login?useAuthToken=true", form)
    token, expires = headers["Set-Cookie"].split("; Path=")[0].split("; ")[:2]
    token = token[len("authToken="):]
    expires = datetime.strptime(expires.split(", ")[1].split(" GMT")[0], "%d-%b-%Y %H:%M:%S")
    return status, token, expires


status, token, expires = login("demo-password")
print(f"login: {status}, {len(token)} characters")
assert expires > now
bearer = {"Authorization": "Bearer " + token}
status, _, body = ask("/connect/services/users/currentUser", **bearer)
who = json.loads(body)["identity"]
print(f"call: {status}, {who['Sallyport-Subject']} over {who['Sallyport-Dialect']}")
status, refused, expired = login("wrong")
print(f"wrong password: {status}, {len(refused)} characters")
assert expired < now
status, headers, _ = ask("/connect/services/logout", **bearer)
print(f"logout: {status}, {len(headers['Set-Cookie'].split('; ')[0][len('authToken='):])} characters")
print("after logout: %d" % ask("/connect/services/users/currentUser", **bearer)[0])
