<?php
// DomainPunch with PHP's cURL: log in, decode the JSON, and go on at api-sl.php
// with the etoken. It is good for two seconds; who comes late logs in again.
$url = $argv[1];

function ask($url, $header = [], $options = []) {
    $curl = curl_init($url);
    curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => $header] + $options);
    $body = curl_exec($curl);
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), json_decode($body, true)];
}

function login($url, $pass, $options = []) {
    [, $said] = ask("$url/api.php?c=auth&user=setup-admin&pass=" . urlencode($pass), [], $options);
    return $said;
}

$said = login($url, 'wrong');
echo "wrong password: {$said['status']}, {$said['error']}\n";
$said = login($url, 'demo-password');
echo "login: {$said['status']}, {$said['user']}, {$said['userid']}, {$said['displayname']}, {$said['rights']}\n";

for ($try = 0; $try < 5; $try++) {
    $said = login($url, 'demo-password');
    [$status, $answer] = ask("$url/api-sl.php?c=set&t=domain&oper=parse&id=191", ["Authorization: Bearer {$said['etoken']}"]);
    if ($status == 200) {
        break;
    }
}
echo "etoken: {$answer['identity']['Sallyport-Subject']} over {$answer['identity']['Sallyport-Dialect']} at {$answer['path']}\n";
[$status, $answer] = ask("$url/api-sl.php?c=set&t=domain&oper=parse&id=191", ['Authorization: Bearer bm8=']);
echo "wrong etoken: $status, {$answer['status']}, {$answer['error']}, {$answer['validate']}\n";

$jar = tempnam(sys_get_temp_dir(), 'jar');
$cookies = [CURLOPT_COOKIEJAR => $jar, CURLOPT_COOKIEFILE => $jar];
login($url, 'demo-password', $cookies);
[, $answer] = ask("$url/api.php?c=set&t=domain&oper=parse&id=191", [], $cookies);
echo "cookie: {$answer['identity']['Sallyport-Subject']} over {$answer['identity']['Sallyport-Dialect']} at {$answer['path']}\n";
[, $answer] = ask("$url/api.php?c=auth&logout", [], $cookies);
echo "logout: {$answer['status']}, {$answer['error']}\n";
[, $answer] = ask("$url/api.php?c=set&t=domain&oper=parse&id=191", [], $cookies);
echo "after logout: {$answer['status']}, {$answer['error']}, {$answer['validate']}\n";
unlink($jar);
