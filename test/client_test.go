package test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What follows are programs that the scripts run. They end with 1 when what
// they were to see did not come about.

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// ask sends a request as the trusted proxy does.
func ask(client *http.Client, method, path string, form url.Values, header ...string) (status int, body string, err error) {
	r, err := http.NewRequest(method, os.Getenv("BASE")+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-Proto", "https")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

const (
	number = "123456"
	secret = "UO86CN11XY73SF72TT40PG18ZE76VV71"
)

var granted = regexp.MustCompile(`<ResponseCode>0</ResponseCode><ResponseData>([0-9A-F-]{36})<`)

// login logs in over electa. The token is empty if the login was refused.
func login(client *http.Client, appKey string) (token, body string, err error) {
	_, body, err = ask(client, http.MethodPost, "/token/", url.Values{"cid": {number}, "appkey": {appKey}})
	if m := granted.FindStringSubmatch(body); m != nil {
		token = m[1]
	}
	return token, body, err
}

func checks(client *http.Client, token string) (bool, error) {
	status, _, err := ask(client, http.MethodGet, "/-/check", nil, "X-Forwarded-Uri", "/logs/?cid="+number+"&token="+token)
	return status == http.StatusOK, err
}

// storm FILE logs in, eight at a time, and notes each token that was answered,
// until the server is gone.
func storm() {
	out, err := os.Create(os.Args[1])
	if err != nil {
		fail("%v", err)
	}
	var mu sync.Mutex
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			client := new(http.Client)
			for {
				token, body, err := login(client, secret)
				if err != nil {
					return
				}
				if token == "" {
					fail("a good login was refused: %s", body)
				}
				mu.Lock()
				_, err = fmt.Fprintln(out, token)
				mu.Unlock()
				if err != nil {
					fail("%v", err)
				}
			}
		})
	}
	work.Wait()
}

// check [-n COUNT] FILE asks about every token in a file, of which there must be
// at least so many.
func check() {
	f, err := os.Open(os.Args[len(os.Args)-1])
	if err != nil {
		fail("%v", err)
	}
	atLeast := 1
	if len(os.Args) == 4 {
		if _, err := fmt.Sscan(os.Args[2], &atLeast); err != nil {
			fail("%v", err)
		}
	}
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		if good, err := checks(http.DefaultClient, lines.Text()); err != nil || !good {
			fail("token %d of the file is lost (%v)", n+1, err)
		}
	}
	if n < atLeast {
		fail("%d tokens in the file, want at least %d", n, atLeast)
	}
	fmt.Printf("%d tokens check\n", n)
}

// guess COUNT sends so many wrong keys at once and prints how many were judged
// and how many found the account locked.
func guess() {
	var count int
	if _, err := fmt.Sscan(os.Args[1], &count); err != nil {
		fail("%v", err)
	}
	var work sync.WaitGroup
	start := make(chan struct{})
	bodies := make([]string, count)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 100}}
	for i := range count {
		work.Go(func() {
			<-start
			_, body, err := login(client, fmt.Sprintf("WRONG-%d", i))
			if err != nil {
				fail("%v", err)
			}
			bodies[i] = body
		})
	}
	close(start)
	work.Wait()
	judged, locked := 0, 0
	for _, b := range bodies {
		switch {
		case strings.Contains(b, "<ResponseCode>1<"):
			judged++
		case strings.Contains(b, "<ResponseCode>9<"):
			locked++
		default:
			fail("answered %q", b)
		}
	}
	fmt.Printf("judged %d, locked %d\n", judged, locked)
}

// hold BEGUN GO begins a login, makes the file BEGUN once the server reads it,
// sends the rest when there is a file GO, and prints the answer.
func hold() {
	conn, err := net.Dial("tcp", os.Getenv("ADDR"))
	if err != nil {
		fail("%v", err)
	}
	body := "cid=" + number + "&appkey=" + secret
	_, err = fmt.Fprintf(conn, "POST /token/ HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nExpect: 100-continue\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n", len(body))
	if err != nil {
		fail("%v", err)
	}
	in := bufio.NewReader(conn)
	// The server says so when the dialect begins to read.
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") {
		fail("%q (%v)", line, err)
	}
	if err := os.WriteFile(os.Args[1], nil, 0o600); err != nil {
		fail("%v", err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(os.Args[2]); err == nil {
			break
		}
		if time.Now().After(end) {
			fail("nobody said go on")
		}
	}
	if _, err := fmt.Fprint(conn, body); err != nil {
		fail("%v", err)
	}
	_, _ = io.Copy(os.Stdout, in)
}

// fill FILE writes until the disk is full, then logs in until that fails, too.
// Every token that was answered has to be good.
func fill() {
	f, err := os.Create(os.Args[1])
	if err != nil {
		fail("%v", err)
	}
	for size := 1 << 16; size > 0; {
		switch _, err := f.Write(make([]byte, size)); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			fail("%v", err)
		}
	}
	for end := time.Now().Add(patience); time.Now().Before(end); {
		token, body, err := login(http.DefaultClient, secret)
		if err != nil {
			fail("%v", err)
		}
		if token == "" {
			fmt.Println(body)
			return
		}
		if good, err := checks(http.DefaultClient, token); err != nil || !good {
			fail("a token was answered and is not good (%v)", err)
		}
	}
	fail("the disk is full, and logins go on")
}
