# EduBrite with urllib and a cookie jar: everything at connect.do, as the page on
# authentication describes it. The jar keeps Secure cookies to https.
import json
import sys
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener
from xml.etree import ElementTree

url = sys.argv[1] + "/oltpublish/site/"
jar = CookieJar()
api = build_opener(HTTPCookieProcessor(jar))


def ask(page, form=None, user=None):
    header = {"REAL_UNAME": user} if user else {}
    try:
        with api.open(Request(url + page, form and urlencode(form).encode(), header)) as r:
            return r.status, r.read()
    except HTTPError as e:
        with e:
            return e.code, e.read()


def connect(password):
    jar.clear()
    ask("connect.do")
    status, _ = ask("connect.do", {"username": "api_11111111-2222-3333-4444-555555555555", "password": password})
    return status


def message(status, body):
    root = ElementTree.fromstring(body)
    return "%d, %s, %s, %s" % (status, root.get("code"), root.findtext("msgs/msg/code"), root.findtext("msgs/msg/value"))


status = connect("wrong")
print("wrong password: %d, %d cookies" % (status, sum(c.name == "SESSION_INFO" for c in jar)))
status = connect("Abc-_0*|123456789012")
print("login: %d, %d cookies" % (status, len(jar)))
status, body = ask("userService.do", {"dispatch": "list"}, "charles")
who = json.loads(body)["identity"]
print(f"call: {status}, {who['Sallyport-Subject']} over {who['Sallyport-Dialect']}")

create = {"dispatch": "createSessionApi"}
status, body = ask("signinService.do", create, "charles|charles@edubrite.example|Charles")
print("session:", message(status, body))
pair = ElementTree.fromstring(body).find("data/session")
query = urlencode({"sessionId": pair.findtext("sessionId"), "sInfo": pair.findtext("sessionInfo")})
with build_opener(HTTPCookieProcessor(CookieJar())).open(url + "index.do?" + query) as r:
    who = json.load(r)
print("browser:", who["identity"]["Sallyport-Subject"], "at", who["path"])

print("inactive:", message(*ask("signinService.do", create, "dora")))
for cookie in jar:
    if cookie.name == "SESSION_INFO":
        cookie.value = "A" * 53 + "**"
print("wrong cookie:", message(*ask("signinService.do", create, "charles")))
