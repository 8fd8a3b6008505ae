# SolutionsByText with urllib: the JSON face. The status is not looked at, the
# code is, as clients in the field do.
import json
import sys
from urllib.parse import urlencode
from urllib.request import Request, urlopen

services = sys.argv[1] + "/SBT.App.SetUp/RSServices/"


def get(service, **query):
    with urlopen(services + service + "?" + urlencode(query)) as r:
        return json.load(r)


def post(service, **members):
    with urlopen(Request(services + service, json.dumps(members).encode(), {"Content-Type": "application/json"})) as r:
        return json.load(r)


def say(what, result):
    print("%s: %s, %d, %s" % (what, json.dumps(result["Result"]), result["ErrorCode"], result["Message"]))


login = get("LoginAPIService.svc/AuthenticateAPIKey", APIKey="demo-sbt-1-week")
say("login", login["AuthenticateAPIKeyResult"])
if login["AuthenticateAPIKeyResult"]["ErrorCode"] == 1400:
    token = login["AuthenticateAPIKeyResult"]["SecurityToken"]
message = {"sendTo": [{"sendTo": "5551234567", "CustomFields": None}], "message": "hello"}
who = post("MessageRSService.svc/SendMessage", securityToken=token, orgCode="ACME-WEST-1", **message)["identity"]
print("call:", who["Sallyport-Account"], "over", who["Sallyport-Dialect"])
say("wrong key", get("LoginAPIService.svc/AuthenticateAPIKey", APIKey="no-such-key")["AuthenticateAPIKeyResult"])
wrong = get("GeneralRSService.svc/GetCarrierLookup", securityToken="no-such-token", orgCode="ACME-WEST-1", phone="5551234567")
say("wrong token", wrong["GetCarrierLookupResult"])
