<?php
// EduBrite with PHP's cURL, as a client in the field has it: parameters are an
// array, so that they go out as multipart/form-data; both cookies are picked from
// the header lines of the second answer and copied by hand.
$url = $argv[1] . '/oltpublish/site/';
$session = [];

function ask($url, $fields, $user = null) {
    global $session;
    $header = [];
    if (isset($session['SESSION_ID'])) {
        $cookies = [];
        foreach ($session as $name => $value) {
            $cookies[] = "$name=$value";
        }
        $header[] = 'Cookie: ' . implode('; ', $cookies);
        if ($user !== null) {
            $header[] = "REAL_UNAME: $user";
        }
    }
    $curl = curl_init($url);
    curl_setopt_array($curl, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_HEADER => true,
        CURLOPT_POST => true,
        CURLOPT_POSTFIELDS => $fields,
        CURLOPT_HTTPHEADER => $header,
    ]);
    $answer = curl_exec($curl);
    $size = curl_getinfo($curl, CURLINFO_HEADER_SIZE);
    preg_match_all('/^Set-Cookie: (SESSION_ID|SESSION_INFO)=([^;\r]*)/m', substr($answer, 0, $size), $set);
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), substr($answer, $size), array_combine($set[1], $set[2])];
}

function message($body) {
    $xml = simplexml_load_string($body);
    return $xml['code'] . ', ' . $xml->msgs->msg->code . ', ' . $xml->msgs->msg->value;
}

function connect($password) {
    global $session, $url;
    $session = [];
    [, , $session] = ask($url . 'connect.do', '');
    [$status, , $session] = ask($url . 'connect.do', [
        'dispatch' => 'connect', 'username' => 'api_11111111-2222-3333-4444-555555555555', 'password' => $password,
    ]);
    return $status;
}

echo 'wrong password: ', connect('wrong'), ', ', count($session), " cookies\n";
echo 'login: ', connect('Abc-_0*|123456789012'), ', ', count($session), " cookies\n";
[$status, $body] = ask($url . 'userService.do', ['dispatch' => 'list', 'xml' => true], 'charles');
$who = json_decode($body, true)['identity'];
echo "call: $status, ", $who['Sallyport-Subject'], ' over ', $who['Sallyport-Dialect'], "\n";

[$status, $body] = ask($url . 'signinService.do', ['dispatch' => 'createSessionApi', 'xml' => true, 'pageSize' => 20], 'charles|charles@edubrite.example|Charles');
echo "session: $status, ", message($body), "\n";
$pair = simplexml_load_string($body)->data->session;
$browser = curl_init($url . 'index.do?sessionId=' . urlencode($pair->sessionId) . '&sInfo=' . urlencode($pair->sessionInfo));
curl_setopt_array($browser, [CURLOPT_RETURNTRANSFER => true, CURLOPT_FOLLOWLOCATION => true, CURLOPT_COOKIEFILE => '']);
$who = json_decode(curl_exec($browser), true);
echo 'browser: ', $who['identity']['Sallyport-Subject'], ' at ', $who['path'], "\n";

[$status, $body] = ask($url . 'signinService.do', ['dispatch' => 'createSessionApi'], 'dora');
echo "inactive: $status, ", message($body), "\n";
$session['SESSION_INFO'] = str_repeat('A', 53) . '**';
[$status, $body] = ask($url . 'signinService.do', ['dispatch' => 'createSessionApi'], 'charles');
echo "wrong cookie: $status, ", message($body), "\n";
