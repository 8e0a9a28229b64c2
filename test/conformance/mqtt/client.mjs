// A foreign client: MQTT.js, told by one JSON argument what to do.
// Prints one JSON string per message received, and "ready" when it may be sent to.
import mqtt from 'mqtt';

const o = JSON.parse(process.argv[2]);
const client = mqtt.connect(o.url, {
  protocolVersion: o.level, clientId: o.id, username: o.username, password: o.password, clean: o.clean,
  reconnectPeriod: 50, properties: o.level === 5 && !o.clean ? { sessionExpiryInterval: 3600 } : undefined,
});
client.on('error', (e) => { console.error(String(e)); if (o.mode !== 'slowly') process.exit(1); });
const leave = () => client.end(false, {}, () => process.exit(0));

let left = o.count;
client.on('message', (topic, payload) => {
  console.log(JSON.stringify(payload.toString()));
  if (--left === 0) setTimeout(leave, 50); // let the last acknowledgement go
});

const publish = (topic, body) => new Promise((done, failed) => {
  client.publish(topic, body, { qos: o.qos }, (e) => (e ? failed(e) : done()));
});

client.once('connect', async () => {
  if (o.mode === 'publish') {
    await Promise.all(Array.from({ length: o.count }, (_, i) => publish(o.topic, `${i}`)));
    leave();
  } else if (o.mode === 'slowly') { // one after the other, over a restart of the server
    for (let i = 0; i < o.count; i++) await publish(o.topic, `${i}`);
    leave();
  } else if (o.mode === 'subscribe') {
    client.subscribe(o.topic, { qos: o.qos }, (e, granted) => {
      if (e || granted[0].qos !== o.qos) { console.error('refused', e, granted); process.exit(1); }
      if (left === 0) leave();
    });
  }
});
