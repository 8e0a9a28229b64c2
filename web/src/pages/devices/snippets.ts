// The three shortest ways to send a first reading, with this site's own address.

export interface Place {
  origin: string
  host: string
  port: string
  id: string
  password: string
}

const quoted = (s: string) => `'${s.replace(/'/g, `'\\''`)}'`
const body = (seq: number | string) => `{"seq":${seq},"readings":[{"metric":"heart-rate","value":72,"unit":"/min"},{"metric":"spo2","value":97,"unit":"%"}]}`

export const curl = (p: Place) =>
  `curl -X POST '${p.origin}/api/v1/telemetry?wait=decoded' \\
  -u ${quoted(`${p.id}:${p.password}`)} \\
  -H 'Content-Type: application/json' \\
  -d '${body(1)}'`

export const mosquitto = (p: Place) =>
  `mosquitto_pub -h ${p.host} -p ${p.port} -q 1 \\
  -i ${quoted(p.id)} -u ${quoted(p.id)} -P ${quoted(p.password)} \\
  -t 'v1/${p.id}/telemetry' \\
  -m '${body(1)}'`

export const sketch = (p: Place) => `// Library: PubSubClient. Sends a heart rate once a second.
#include <WiFi.h>
#include <PubSubClient.h>

const char* wifi = "your-wifi";
const char* wifiPassword = "your-wifi-password";
const char* server = "${p.host}";
const char* device = "${p.id}";
const char* password = "${p.password}";

WiFiClient net;
PubSubClient mqtt(net);
unsigned long sequence = 0;

void setup() {
  WiFi.begin(wifi, wifiPassword);
  while (WiFi.status() != WL_CONNECTED) delay(200);
  mqtt.setServer(server, ${p.port});
  mqtt.setBufferSize(1024);
}

void loop() {
  while (!mqtt.connected()) {
    if (!mqtt.connect(device, device, password)) delay(2000);
  }
  mqtt.loop();
  char message[160];
  int rate = 72;  // read your sensor here
  snprintf(message, sizeof message,
    "{\\"seq\\":%lu,\\"metric\\":\\"heart-rate\\",\\"value\\":%d,\\"unit\\":\\"/min\\"}",
    ++sequence, rate);
  mqtt.publish("v1/${p.id}/telemetry", message);
  delay(1000);
}`
