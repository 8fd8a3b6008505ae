# DomainPunch with urllib: a form for the password, a cookie jar for the session,
# and the etoken in a header. The jar keeps Secure cookies to https.
import json
import sys
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

url = sys.argv[1]
parse = "?c=set&t=domain&oper=parse&id=191"


def ask(client, page, form=None, **header):
    try:
        with client.open(Request(url + page, form and urlencode(form).encode(), header)) as r:
            return r.status, json.load(r)
    except HTTPError as e:
        with e:
            return e.code, json.load(e)


def login(client, password):
    return ask(client, "/api.php?c=auth", {"user": "setup-admin", "pass": password})[1]


def called(what, answer):
    who = answer["identity"]
    print(f"{what}: {who['Sallyport-Subject']} over {who['Sallyport-Dialect']} at {answer['path']}")


bare = build_opener()
said = login(bare, "wrong")
print(f"wrong password: {said['status']}, {said['error']}")
said = login(bare, "demo-password")
print(f"login: {said['status']}, {said['user']}, {said['userid']}, {said['displayname']}, {said['rights']}")

for _ in range(5):
    etoken = login(bare, "demo-password")["etoken"]
    status, answer = ask(bare, "/api-sl.php" + parse, Authorization="Bearer " + etoken)
    if status == 200:
        break
called("etoken", answer)
status, said = ask(bare, "/api-sl.php" + parse, Authorization="Bearer bm8=")
print(f"wrong etoken: {status}, {said['status']}, {said['error']}, {said['validate']}")

browser = build_opener(HTTPCookieProcessor(CookieJar()))
login(browser, "demo-password")
called("cookie", ask(browser, "/api.php" + parse)[1])
said = ask(browser, "/api.php?c=auth&logout")[1]
print(f"logout: {said['status']}, {said['error']}")
said = ask(browser, "/api.php" + parse)[1]
print(f"after logout: {said['status']}, {said['error']}, {said['validate']}")
