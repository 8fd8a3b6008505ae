<?php
// CalAmp with PHP's cURL: a callback looks at each header line for the cookie,
// which later calls copy by hand.
$url = $argv[1];

function ask($method, $url, $header, $form, &$token) {
    $curl = curl_init($url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($curl, CURLOPT_CUSTOMREQUEST, $method);
    curl_setopt($curl, CURLOPT_HTTPHEADER, array_merge([
        'Accept: application/json;charset=UTF-8',
        'calamp-services-app: c0ffee00-0000-4000-8000-000000000001',
    ], $header));
    if ($form !== null) {
        curl_setopt($curl, CURLOPT_POSTFIELDS, http_build_query($form));
    }
    curl_setopt($curl, CURLOPT_HEADERFUNCTION, function ($curl, $line) use (&$token) {
        if (preg_match('/^Set-Cookie: authToken=([^;]*);/', $line, $found)) {
            $token = $found[1];
        }
        return strlen($line);
    });
    $body = curl_exec($curl);
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), json_decode($body, true)];
}

$login = "$url/connect/services/login?useAuthToken=true";
[$status] = ask('POST', $login, [], ['username' => 'demo@calamp.example', 'password' => 'demo-password'], $token);
echo "login: $status, ", strlen($token), " characters\n";
$cookie = ["Cookie: authToken=$token"];
[$status, $body] = ask('GET', "$url/connect/services/users/currentUser", $cookie, null, $none);
echo "call: $status, ", $body['identity']['Sallyport-Subject'], ' over ', $body['identity']['Sallyport-Dialect'], "\n";
[$status] = ask('POST', $login, [], ['username' => 'demo@calamp.example', 'password' => 'wrong'], $refused);
echo "wrong password: $status, ", strlen($refused), " characters\n";
[$status] = ask('GET', "$url/connect/services/logout", $cookie, null, $ended);
echo "logout: $status, ", strlen($ended), " characters\n";
[$status, $body] = ask('GET', "$url/connect/services/users/currentUser", $cookie, null, $none);
echo "after logout: $status\n";
