<?php
// SolutionsByText's PHP: SoapClient over the WSDL for the login, and without one
// for a later call.
$url = $argv[1];

function login($url, $key) {
    $client = new SoapClient("$url/Sbt.App.SetUp/WSServices/LoginAPIService.svc?singleWsdl");
    $request = ['APIKey' => $key];
    return $client->AuthenticateAPIKey(['loginRequest' => $request])->AuthenticateAPIKeyResult;
}

function requestVBT($url, $token, $org) {
    $client = new SoapClient(null, [
        'location' => "$url/Sbt.App.SetUp/WSServices/MessageWSService.svc",
        'uri' => 'http://SBTService/ServiceContracts/',
        'trace' => true,
    ]);
    try {
        return $client->__soapCall('RequestVBT', [
            new SoapParam($token, 'securityToken'), new SoapParam($org, 'orgCode'), new SoapParam('5551234567', 'phone'),
        ], ['soapaction' => 'http://SBTService/ServiceContracts/IMessage/RequestVBT']);
    } catch (SoapFault $fault) { // the demo's API answers with JSON, whatever it was asked
        return json_decode($client->__getLastResponse(), true);
    }
}

$result = login($url, 'demo-sbt-1-week');
printf("login: %s, %d, %s\n", json_encode($result->Result), $result->ErrorCode, $result->Message);
$who = requestVBT($url, $result->SecurityToken, 'ACME-WEST-1')['identity'];
echo 'call: ', $who['Sallyport-Account'], ' over ', $who['Sallyport-Dialect'], "\n";

$result = login($url, 'no-such-key');
printf("wrong key: %s, %d, %s\n", json_encode($result->Result), $result->ErrorCode, $result->Message);
if ($result->SecurityToken !== null) {
    echo "and yet a token\n";
}
$result = requestVBT($url, 'no-such-token', 'ACME-WEST-1');
echo "wrong token: $result->Result, $result->ErrorCode, $result->Message\n";
