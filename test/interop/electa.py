# Electa with urllib and an XML parser.
import json
import sys
from urllib.parse import urlencode
from urllib.request import urlopen
from xml.etree import ElementTree

url = sys.argv[1]


def read(path, query=None, form=None):
    with urlopen(url + path + ("?" + urlencode(query) if query else ""), form and urlencode(form).encode()) as r:
        return r.read()


def parse(body):
    root = ElementTree.fromstring(body)
    return root.findtext("ResponseCode"), root.findtext("ResponseData")


def attempt(body):
    code, token = parse(body)
    print(f"login: {code}, {len(token)} characters")
    who = json.loads(read("/logs/", {"cid": 123456, "token": token, "RoomId": 1093}))["identity"]
    print("call:", who["Sallyport-Account"], "over", who["Sallyport-Dialect"])


key = "UO86CN11XY73SF72TT40PG18ZE76VV71"
attempt(read("/token/", {"cid": 123456, "appkey": key}))
attempt(read("/token/", form={"CID": 123456, "AppKey": key}))
print("wrong key: %s, %s" % parse(read("/token/", {"cid": 123456, "appkey": "AB12CD34EF56GH78IJ90KL12MN34OP56"})))
print("wrong token: %s, %s" % parse(read("/logs/", {"cid": 123456, "token": "9c467079-fe3b-45c5-8aa5-9726397081aa"})))
