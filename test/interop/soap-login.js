// The login of SolutionsByText's page, nothing else: where to send it is the
// WSDL's word.
const soap = require('soap');

(async () => {
  for (const key of ['demo-sbt-1-week', 'no-such-key']) {
    const client = await soap.createClientAsync(`${process.argv[2]}/Sbt.App.SetUp/WSServices/LoginAPIService.svc?wsdl`);
    const [answer] = await client.AuthenticateAPIKeyAsync({ loginRequest: { APIKey: key } });
    const { ErrorCode, SecurityToken } = answer.AuthenticateAPIKeyResult;
    console.log(ErrorCode, SecurityToken ?? '');
  }
})();
