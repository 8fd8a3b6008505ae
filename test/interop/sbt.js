// SolutionsByText with npm's soap for the login, and fetch for a later call.
const soap = require('soap');

const url = process.argv[2];

async function login(key) {
  const client = await soap.createClientAsync(`${url}/Sbt.App.SetUp/WSServices/LoginAPIService.svc?singleWsdl`);
  const [answer] = await client.AuthenticateAPIKeyAsync({ loginRequest: { APIKey: key } });
  return answer.AuthenticateAPIKeyResult;
}

async function carrier(token) {
  const query = new URLSearchParams({ securityToken: token, orgCode: 'ACME-WEST-1', phone: '5551234567' });
  return (await fetch(`${url}/SBT.App.SetUp/RSServices/GeneralRSService.svc/GetCarrierLookup?${query}`)).json();
}

const say = (what, r) => console.log(`${what}: ${r.Result}, ${r.ErrorCode}, ${r.Message}`);

(async () => {
  const result = await login('demo-sbt-1-week');
  say('login', result);
  const who = (await carrier(result.SecurityToken)).identity;
  console.log(`call: ${who['Sallyport-Account']} over ${who['Sallyport-Dialect']}`);
  say('wrong key', await login('no-such-key'));
  say('wrong token', (await carrier('no-such-token')).GetCarrierLookupResult);
})();
