<?php
// The login of SolutionsByText's page, nothing else: where to send it is the
// WSDL's word.
foreach (['demo-sbt-1-week', 'no-such-key'] as $key) {
    $client = new SoapClient($argv[1] . '/Sbt.App.SetUp/WSServices/LoginAPIService.svc?wsdl');
    $result = $client->AuthenticateAPIKey(['loginRequest' => ['APIKey' => $key]])->AuthenticateAPIKeyResult;
    echo $result->ErrorCode, ' ', $result->SecurityToken, "\n";
}
