package test

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func startNginx(t *testing.T, s *started) {
	t.Helper()
	text := s.blocks["nginx-site"]
	if text == "" {
		text = "server {\nlisten 443 ssl;\nssl_certificate api.crt;\nssl_certificate_key api.key;\n" + s.blocks["nginx"] + "\n}"
	}
	text = strings.Replace(text, "listen 443", "listen "+s.site, 1)
	d := s.dir
	conf := s.write(t, "nginx.conf", "daemon off; master_process off; pid "+d+"/pid; error_log "+d+"/error; events {} http { access_log off; "+
		"client_body_temp_path "+d+"; proxy_temp_path "+d+"; fastcgi_temp_path "+d+"; uwsgi_temp_path "+d+"; scgi_temp_path "+d+";\n"+text+"\n}")
	s.listens(t, exec.Command("nginx", "-c", conf, "-e", filepath.Join(d, "error")))
}

func startCaddy(t *testing.T, s *started) {
	t.Helper()
	text := strings.NewReplacer(
		"\tauto_https", "\tadmin off\n\tauto_https",
		"api.example.com {", "https://"+s.site+" {\n\ttls "+s.dir+"/api.crt "+s.dir+"/api.key").Replace(s.blocks["caddy"])
	cmd := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", s.write(t, "Caddyfile", text+"\n"))
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir)
	s.listens(t, cmd)
}

func startHAProxy(t *testing.T, s *started) {
	t.Helper()
	var pair strings.Builder
	for _, name := range []string{"api.crt", "api.key"} {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		pair.Write(b)
	}
	s.write(t, "api.pem", pair.String())
	s.write(t, "sallyport.lua", s.blocks["haproxy-lua"])
	conf := s.write(t, "haproxy.cfg", strings.Replace(s.blocks["haproxy"], "*:443", s.site, 1)+"\n")
	s.listens(t, exec.Command("haproxy", "-db", "-f", conf))
}

func startApache(t *testing.T, s *started) {
	t.Helper()
	user := "User #" + strconv.Itoa(os.Getuid())
	if os.Getuid() == 0 { // which Apache will not serve as
		user = "User www-data\nGroup www-data"
		if err := os.Chmod(filepath.Dir(s.dir), 0o711); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(s.write(t, "sallyport.lua", s.blocks["apache-lua"]), 0o644); err != nil {
		t.Fatal(err)
	}
	// What Debian's own configuration has, in the order that the modules need.
	text := "ServerRoot " + s.dir + "\nPidFile " + s.dir + "/pid\nErrorLog " + s.dir + "/error\nServerName api.example.com\nListen " + s.site + "\n" +
		user + "\n"
	for _, m := range []string{"mpm_event", "authz_core", "socache_shmcb", "ssl", "headers", "proxy", "proxy_http", "lua"} {
		text += "LoadModule " + m + "_module /usr/lib/apache2/modules/mod_" + m + ".so\n"
	}
	text += strings.Replace(s.blocks[s.kind], "*:443", s.site, 1) + "\n"
	s.listens(t, exec.Command("apache2", "-X", "-f", s.write(t, "apache.conf", text)))
}

// write puts a file into the run's folder and returns its path.
func (s *started) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// listens starts the front, waits until it listens, and has it end with the test.
func (s *started) listens(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	said, err := os.Create(filepath.Join(s.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // some have children
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); err = cmd.Wait() }()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", s.site); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %v: %s", cmd.Path, err, s.log(t))
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not listen: %s", cmd.Path, s.log(t))
		}
	}
}

// log is what the front has said so far.
func (s *started) log(t *testing.T) string {
	t.Helper()
	text := ""
	for _, name := range []string{"said", "error"} {
		b, err := os.ReadFile(filepath.Join(s.dir, name))
		if err == nil {
			text += string(b)
		}
	}
	return text
}

// certificate writes api.crt and api.key.
func certificate(t *testing.T, dir string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	pair := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*pem.Block{
		"api.crt": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"api.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(p), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
