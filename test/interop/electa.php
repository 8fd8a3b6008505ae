<?php
// Electa's PHP: file_get_contents and SimpleXML; and, as a plugin in the field
// has it, no parser at all: 36 characters at byte 92.
$url = $argv[1];

function token($url, $key) {
    return simplexml_load_string(file_get_contents("$url/token/?cid=123456&appkey=$key"));
}

$xml = token($url, 'UO86CN11XY73SF72TT40PG18ZE76VV71');
echo 'login: ', $xml->ResponseCode, ', ', strlen($xml->ResponseData), " characters\n";
call($url, (string) $xml->ResponseData);

$body = file_get_contents("$url/token/", false, stream_context_create(['http' => [
    'method' => 'POST',
    'header' => 'Content-Type: application/x-www-form-urlencoded',
    'content' => http_build_query(['CID' => '123456', 'AppKey' => 'UO86CN11XY73SF72TT40PG18ZE76VV71']),
]]));
$token = substr($body, 92, 36);
echo 'login: 0, ', strlen($token), " characters\n";
call($url, $token);

function call($url, $token) {
    $who = json_decode(file_get_contents("$url/logs/?cid=123456&token=" . urlencode($token) . '&RoomId=1093'), true)['identity'];
    echo 'call: ', $who['Sallyport-Account'], ' over ', $who['Sallyport-Dialect'], "\n";
}

$xml = token($url, 'AB12CD34EF56GH78IJ90KL12MN34OP56');
echo 'wrong key: ', $xml->ResponseCode, ', ', $xml->ResponseData, "\n";
$xml = simplexml_load_string(file_get_contents("$url/logs/?cid=123456&token=9c467079-fe3b-45c5-8aa5-9726397081aa"));
echo 'wrong token: ', $xml->ResponseCode, ', ', $xml->ResponseData, "\n";
