// OAuth 2.0 with npm's oauth4webapi, which checks every answer against the RFCs.
const { pathToFileURL } = require('node:url');

const url = process.argv[2];
const secret = 'demo-secret';

(async () => {
  const oauth = await import(pathToFileURL(require.resolve('oauth4webapi')));
  const plain = { [oauth.allowInsecureRequests]: true };
  const issuer = new URL(url);

  const found = await oauth.discoveryRequest(issuer, { ...plain, algorithm: 'oauth2' });
  const as = await oauth.processDiscoveryResponse(issuer, found);
  console.log(`metadata: ${as.issuer === url}, ${as.grant_types_supported.length} grants`);

  const client = { client_id: 'demo-client' };
  const login = async (auth) =>
    oauth.processClientCredentialsResponse(as, client, await oauth.clientCredentialsGrantRequest(as, client, auth, {}, plain));
  const posted = await login(oauth.ClientSecretPost(secret));
  console.log(`form: ${posted.token_type}, ${posted.access_token.length} characters`);
  const granted = await login(oauth.ClientSecretBasic(secret));
  console.log(`login: ${granted.token_type}, ${granted.access_token.length} characters, ${granted.expires_in} s, ${granted.scope}`);

  const call = () => oauth.protectedResourceRequest(granted.access_token, 'GET', new URL('/v1/orders', url), undefined, null, plain);
  const who = (await (await call()).json()).identity;
  console.log(`call: ${who['Sallyport-Account']} over ${who['Sallyport-Dialect']}`);

  const verifier = { client_id: 'demo-verifier' };
  const ask = async (token) => oauth.processIntrospectionResponse(as, verifier,
    await oauth.introspectionRequest(as, verifier, oauth.ClientSecretBasic('demo-verifier-secret'), token, plain));
  const told = await ask(granted.access_token);
  console.log(`introspection: ${told.active}, ${told.client_id}, ${told.username}, ${told.exp - told.iat} s`);
  console.log(`made up: ${JSON.stringify(await ask('made-up'))}`);

  try {
    await login(oauth.ClientSecretBasic('wrong'));
  } catch (e) {
    console.log(`wrong secret: ${e.status}, ${(await e.response.json()).error}`);
  }

  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, oauth.ClientSecretBasic(secret), granted.access_token, plain));
  console.log(`revoked: ${(await ask(granted.access_token)).active}`);
  // On the demo's one host another dialect may be the one to refuse, without a challenge.
  console.log(`after revocation: ${(await call().catch((challenge) => challenge)).status}`);
})();
