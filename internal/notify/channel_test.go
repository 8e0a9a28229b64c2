package notify_test

import (
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// peer is a receiver that keeps what it was sent and answers as told.
type peer struct {
	*httptest.Server
	request *http.Request
	body    string
	count   int
	answer  func(w http.ResponseWriter, r *http.Request)
}

func newPeer(t *testing.T) *peer {
	p := &peer{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		p.request, p.body, p.count = r, string(b), p.count+1
		if p.answer != nil {
			p.answer(w, r)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

var here = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

var message = notify.Message{
	ID: "d-1", Page: "pg-1", Alarm: "al-1", Tag: "v-0123456789abcdef01234567", Kind: "raised", Priority: vital.High,
	Ward: "Ward A", Bed: "12", At: 1, Title: "Vigil", Text: "Alarm, Ward A bed 12, high. Open Vigil.", Link: "https://vigil.example.org/alarms/al-1#seen=x",
}

// real is a worker with its real channels, which may speak to this machine.
func realSenders(t *testing.T, change ...func(*notify.Options)) (*notify.Worker, map[string]notify.Sender) {
	t.Helper()
	w := newWorld(t, t.TempDir())
	t.Cleanup(func() { w.store.Close() })
	worker := w.worker(append([]func(*notify.Options){func(o *notify.Options) { o.Senders, o.Allow = nil, here }}, change...)...)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- worker.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	for worker.PushKey() == "" {
		time.Sleep(time.Millisecond)
	}
	return worker, worker.Channels()
}

func TestWebhook(t *testing.T) {
	p := newPeer(t)
	_, senders := realSenders(t)
	r := got(senders["webhook"].Send(t.Context(), notify.Recipient{Address: p.URL + "/in", Secret: "whsec_x"}, message))(t)
	if r.State != store.HandedOver || p.request.Header.Get("Idempotency-Key") != "d-1" {
		t.Errorf("receipt %+v, headers %v", r, p.request.Header)
	}
	stamp, signature, _ := strings.Cut(p.request.Header.Get("Vigil-Signature"), ",v1=")
	mac := hmac.New(sha256.New, []byte("whsec_x"))
	io.WriteString(mac, strings.TrimPrefix(stamp, "t=")+"."+p.body)
	if hex.EncodeToString(mac.Sum(nil)) != signature {
		t.Errorf("the signature %q does not fit the body", p.request.Header.Get("Vigil-Signature"))
	}
	var m notify.Message
	must(t, json.Unmarshal([]byte(p.body), &m))
	if m != message {
		t.Errorf("sent %+v", m)
	}
}

// What a receiver answers decides whether it is tried again.
func TestAnswers(t *testing.T) {
	elsewhere := newPeer(t)
	client := notify.Guard{Allow: here}.Client()
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		want   vital.Kind
	}{
		{"an error of its own", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, vital.Unavailable},
		{"too many", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, vital.Unavailable},
		{"gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, vital.Gone},
		{"never was", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, vital.NotFound},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, vital.Invalid},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, 307) }, vital.Invalid},
		{"hangs up half-way", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, vital.Unavailable},
		{"hangs up at once", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, vital.Unavailable},
		{"never answers", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, vital.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPeer(t)
			p.answer = c.answer
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := notify.Post(ctx, notify.Guard{Allow: here}, client, p.URL+"/secret-path", http.Header{}, "{}")
			if err == nil || vital.KindOf(err) != c.want {
				t.Errorf("%v (%s), want %s", err, vital.KindOf(err), c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret-path") {
				t.Errorf("the error shows the address: %v", err)
			}
		})
	}
	if elsewhere.count != 0 {
		t.Error("a redirect was followed")
	}
}

func TestNtfy(t *testing.T) {
	p := newPeer(t)
	_, senders := realSenders(t)
	p.answer = func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"id":"x","sequence_id":"v-0123456789abcdef01234567"}`)
	}
	address := strings.Replace(p.URL, "http://", "http://anna:pass@", 1) + "/topic"
	r := got(senders["ntfy"].Send(t.Context(), notify.Recipient{Address: address}, message))(t)
	h := p.request.Header
	user, password, _ := p.request.BasicAuth()
	if !r.Replaces || p.body != message.Text || h.Get("Priority") != "5" || h.Get("X-Sequence-ID") != message.Tag || h.Get("Click") != message.Link || user+password != "annapass" {
		t.Errorf("%+v, body %q, headers %v", r, p.body, h)
	}
	stop := message
	stop.Kind, stop.Text = "stop", "Taken care of."
	got(senders["ntfy"].Send(t.Context(), notify.Recipient{Address: address}, stop))(t)
	if p.request.Header.Get("Priority") != "1" || p.request.Header.Get("X-Sequence-ID") != message.Tag {
		t.Errorf("a stop sounds: %v", p.request.Header)
	}
	p.answer = func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"id":"x"}`) }
	if r := got(senders["ntfy"].Send(t.Context(), notify.Recipient{Address: address}, message))(t); r.Replaces {
		t.Error("a server that cannot replace a message would be sent a second one")
	}
}

func TestSMS(t *testing.T) {
	p := newPeer(t)
	for _, c := range []struct {
		name    string
		gateway notify.Gateway
		url     string
		body    string
	}{
		{"query", notify.Gateway{URL: p.URL + "/send?n={to}&t={text}"}, "/send?n=%2B4179&t=Vigil%3A+Alarm+%22%7Bto%7D%22%26x%3D1", ""},
		{"json", notify.Gateway{URL: p.URL + "/v1", Type: "application/json", Body: `{"to":"{to}","text":"{text}","ref":"{id}"}`}, "/v1", `{"to":"+4179","text":"Vigil: Alarm \"{to}\"\u0026x=1","ref":"d-1"}`},
		{"form", notify.Gateway{URL: p.URL + "/v1", Type: "application/x-www-form-urlencoded", Body: "To={to}&Body={text}"}, "/v1", "To=%2B4179&Body=Vigil%3A+Alarm+%22%7Bto%7D%22%26x%3D1"},
		{"plain", notify.Gateway{URL: p.URL + "/v1", Body: "{to} {text}", Headers: []string{"X-Key: s3cret"}}, "/v1", `+4179 Vigil: Alarm "{to}"&x=1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, c.gateway.Check())
			_, senders := realSenders(t, func(o *notify.Options) { o.SMS = c.gateway })
			m := message
			m.Text, m.Link = `Alarm "{to}"&x=1`, ""
			got(senders["sms"].Send(t.Context(), notify.Recipient{Address: "+4179"}, m))(t)
			if p.request.URL.String() != c.url || p.body != c.body {
				t.Errorf("asked %s with %s\nwant %s with %s", p.request.URL, p.body, c.url, c.body)
			}
			if c.name == "plain" && p.request.Header.Get("X-Key") != "s3cret" {
				t.Error("the header is missing")
			}
		})
	}
	for _, g := range []notify.Gateway{
		{URL: "ftp://x/{to}{text}"}, {URL: "https://{to}.example.org/{text}"}, {URL: "https://x/{to}"}, {URL: "https://x/", Body: "{to}"},
		{URL: "https://x/", Type: "application/json", Body: `{"to":{to},"text":{text}}`}, {URL: "https://x/{to}{text}", Headers: []string{"nonsense"}},
	} {
		if g.Check() == nil {
			t.Errorf("%+v was taken", g)
		}
	}
}

// The example of RFC 8291, section 5 and appendix A.
func TestPushEncryption(t *testing.T) {
	b := func(s string) []byte { return got(base64.RawURLEncoding.DecodeString(s))(t) }
	own := got(ecdh.P256().NewPrivateKey(b("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")))(t)
	address := `{"endpoint":"https://push.example.net/x","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`
	have := got(notify.EncryptPush([]byte("When I grow up, I want to be a watermelon"), address, own, b("DGv6ra1nlYgDCS1FRnbzlw")))(t)
	want := "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if s := base64.RawURLEncoding.EncodeToString(have); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
}

func TestWebPush(t *testing.T) {
	p := newPeer(t)
	p.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }
	worker, senders := realSenders(t)
	phone := got(ecdh.P256().GenerateKey(nil))(t)
	address := `{"endpoint":"` + p.URL + `/push/x","keys":{"p256dh":"` + base64.RawURLEncoding.EncodeToString(phone.PublicKey().Bytes()) + `","auth":"BTBZMqHH6r4Tts7J_aSIgg=="}}`
	r := got(senders["web-push"].Send(t.Context(), notify.Recipient{Address: address}, message))(t)
	h := p.request.Header
	if !r.Replaces || h.Get("Urgency") != "high" || h.Get("Topic") != message.Tag || len(h.Get("Topic")) > 32 || h.Get("Content-Encoding") != "aes128gcm" || h.Get("TTL") == "" {
		t.Errorf("%+v, headers %v", r, h)
	}
	token, key, _ := strings.Cut(strings.TrimPrefix(h.Get("Authorization"), "vapid t="), ", k=")
	if key != worker.PushKey() {
		t.Errorf("signed by %s, and browsers are told %s", key, worker.PushKey())
	}
	parts := strings.Split(token, ".")
	raw := got(base64.RawURLEncoding.DecodeString(key))(t)
	public := got(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw))(t)
	signature := got(base64.RawURLEncoding.DecodeString(parts[2]))(t)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Error("the token is not signed by the key that browsers are told")
	}
	if claims := string(got(base64.RawURLEncoding.DecodeString(parts[1]))(t)); !strings.Contains(claims, `"aud":"`+p.URL+`"`) || !strings.Contains(claims, `"sub":"https://vigil.example.org"`) {
		t.Errorf("claims %s", claims)
	}
	if strings.Contains(p.body, "bed 12") {
		t.Error("the push service can read the text")
	}
	p.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }
	if _, err := senders["web-push"].Send(t.Context(), notify.Recipient{Address: address}, message); vital.KindOf(err) != vital.Gone {
		t.Errorf("a subscription that ended: %v", err)
	}
}
