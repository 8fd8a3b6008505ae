# OAuth 2.0 with urllib, as a program is written by whoever reads the RFCs.
import json
import sys
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPBasicAuthHandler, HTTPPasswordMgrWithPriorAuth, Request, build_opener

url = sys.argv[1]


def ask(address, form=None, client=None, **header):
    handlers = []
    if client:
        passwords = HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, address, *client, is_authenticated=True)
        handlers.append(HTTPBasicAuthHandler(passwords))
    try:
        with build_opener(*handlers).open(Request(address, form and urlencode(form).encode(), header)) as r:
            return r.status, r.read()
    except HTTPError as e:
        with e:
            return e.code, e.read()


metadata = json.loads(ask(url + "/.well-known/oauth-authorization-server")[1])
print(f"metadata: {str(metadata['issuer'] == url).lower()}, {len(metadata['grant_types_supported'])} grants")

me, grant = ("demo-client", "demo-secret"), {"grant_type": "client_credentials"}
granted = json.loads(ask(metadata["token_endpoint"], {**grant, "client_id": me[0], "client_secret": me[1]})[1])
print(f"form: {granted['token_type'].lower()}, {len(granted['access_token'])} characters")
granted = json.loads(ask(metadata["token_endpoint"], grant, me)[1])
token = granted["access_token"]
print(f"login: {granted['token_type'].lower()}, {len(token)} characters, {granted['expires_in']} s, {granted['scope']}")


def call():
    return ask(url + "/v1/orders", Authorization="Bearer " + token)


who = json.loads(call()[1])["identity"]
print(f"call: {who['Sallyport-Account']} over {who['Sallyport-Dialect']}")


def introspect(token):
    return json.loads(ask(metadata["introspection_endpoint"], {"token": token}, ("demo-verifier", "demo-verifier-secret"))[1])


told = introspect(token)
print(f"introspection: {str(told['active']).lower()}, {told['client_id']}, {told['username']}, {told['exp'] - told['iat']} s")
print("made up: " + json.dumps(introspect("made-up"), separators=(",", ":")))
status, body = ask(metadata["token_endpoint"], {**grant, "client_id": me[0], "client_secret": "wrong"})
print(f"wrong secret: {status}, {json.loads(body)['error']}")
ask(metadata["revocation_endpoint"], {"token": token}, me)
print(f"revoked: {str(introspect(token)['active']).lower()}")
print("after revocation: %d" % call()[0])
