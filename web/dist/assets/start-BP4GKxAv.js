import{n as e}from"./rolldown-runtime-WkwZ5CU-.js";/* empty css                */import{G as t,M as n,R as r,_ as i,b as a,o,t as s,y as c}from"./vendor-BIjENxPH.js";import{it as l,s as u}from"./queries-BJuM31EX.js";import{t as d}from"./once-BIODFWy6.js";import{V as f}from"./index-D1PhMYA4.js";import{a as p,i as m,n as h}from"./enrol-DVtWhSgp.js";var g=e(t(),1),_=e=>`'${e.replace(/'/g,`'\\''`)}'`,v=e=>`{"seq":${e},"readings":[{"metric":"heart-rate","value":72,"unit":"/min"},{"metric":"spo2","value":97,"unit":"%"}]}`,y=e=>`curl -X POST '${e.origin}/api/v1/telemetry?wait=decoded' \\
  -u ${_(`${e.id}:${e.password}`)} \\
  -H 'Content-Type: application/json' \\
  -d '${v(1)}'`,b=e=>`mosquitto_pub -h ${e.host} -p ${e.port} -q 1 \\
  -i ${_(e.id)} -u ${_(e.id)} -P ${_(e.password)} \\
  -t 'v1/${e.id}/telemetry' \\
  -m '${v(1)}'`,x=e=>`// Library: PubSubClient. Sends a heart rate once a second.
#include <WiFi.h>
#include <PubSubClient.h>

const char* wifi = "your-wifi";
const char* wifiPassword = "your-wifi-password";
const char* server = "${e.host}";
const char* device = "${e.id}";
const char* password = "${e.password}";

WiFiClient net;
PubSubClient mqtt(net);
unsigned long sequence = 0;

void setup() {
  WiFi.begin(wifi, wifiPassword);
  while (WiFi.status() != WL_CONNECTED) delay(200);
  mqtt.setServer(server, ${e.port});
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
  mqtt.publish("v1/${e.id}/telemetry", message);
  delay(1000);
}`,S=r();function C(){let e=l(),t=u(``).data??[],r=new URLSearchParams(o()).get(`device`),[_,v]=(0,g.useState)({id:`my-first-monitor`}),[C,w]=(0,g.useState)(null),[T,E]=(0,g.useState)(r),[D,O]=(0,g.useState)(`${location.hostname}:1883`),[k,A]=(0,g.useState)(``),j=C?.device.id??T??_.id??`my-first-monitor`,M={origin:location.origin,host:D.replace(/:\d*$/,``),port:/:(\d+)$/.exec(D)?.[1]??`1883`,id:j,password:C?.credential.password??`<${e(`start.password.place`)}>`};return(0,S.jsxs)(`div`,{className:`page start`,children:[(0,S.jsx)(`h1`,{children:e(`start.title`)}),(0,S.jsxs)(`section`,{className:`stack`,children:[(0,S.jsx)(`h2`,{children:e(`start.one`)}),(0,S.jsx)(`p`,{className:`second`,children:e(`start.one.do`)}),C?(0,S.jsx)(m,{credential:C.credential}):(0,S.jsxs)(S.Fragment,{children:[!T&&(0,S.jsx)(h,{short:!0,value:_,onChange:v}),k&&(0,S.jsx)(`p`,{className:`problem`,role:`alert`,children:k}),!T&&(0,S.jsx)(`div`,{children:(0,S.jsx)(n,{onClick:()=>{A(``),p(_).then(w,t=>A(f(t,e)))},disabled:!_.id,children:e(`enrol.act`)})}),t.length>0&&(0,S.jsx)(a,{label:e(`start.have`),searchable:!0,clearable:!0,data:t.map(e=>({value:e.id,label:e.label||e.id})),value:T,onChange:E})]})]}),(0,S.jsxs)(`section`,{className:`stack`,children:[(0,S.jsx)(`h2`,{children:e(`start.two`)}),(0,S.jsx)(`p`,{className:`second`,children:e(`start.two.do`)}),(0,S.jsx)(i,{label:e(`start.host`),value:D,onChange:e=>O(e.currentTarget.value.trim()),maw:320}),(0,S.jsxs)(c,{defaultValue:`curl`,children:[(0,S.jsxs)(c.List,{children:[(0,S.jsx)(c.Tab,{value:`curl`,children:e(`start.curl`)}),(0,S.jsx)(c.Tab,{value:`mqtt`,children:e(`start.mqtt`)}),(0,S.jsx)(c.Tab,{value:`esp`,children:e(`start.esp`)})]}),(0,S.jsx)(c.Panel,{value:`curl`,pt:`sm`,children:(0,S.jsx)(d,{block:!0,label:e(`start.curl`),text:y(M)})}),(0,S.jsx)(c.Panel,{value:`mqtt`,pt:`sm`,children:(0,S.jsx)(d,{block:!0,label:e(`start.mqtt`),text:b(M)})}),(0,S.jsx)(c.Panel,{value:`esp`,pt:`sm`,children:(0,S.jsx)(d,{block:!0,label:e(`start.esp`),text:x(M)})})]}),(0,S.jsx)(`p`,{children:(0,S.jsx)(s,{href:`/devices/${encodeURIComponent(j)}`,children:e(`start.see`)})})]}),(0,S.jsxs)(`section`,{className:`stack`,children:[(0,S.jsx)(`h2`,{children:e(`start.three`)}),(0,S.jsx)(`p`,{className:`second`,children:e(`start.three.do`)}),(0,S.jsx)(`p`,{children:(0,S.jsx)(s,{href:`/devices/${encodeURIComponent(j)}`,children:e(`device.bind`)})})]})]})}export{C as default};