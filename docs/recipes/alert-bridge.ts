// Passes alerts on to ntfy or to a webhook, each with its picture, and loses none: the broker keeps them while this program is
// away (persistent session), and each is on the disk before the broker is told that it has come. What cannot be delivered
// is tried again until it can. Settings come from the environment: docs/recipes.md. Usage: node alert-bridge.ts
import { createHash } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type IClientOptions, type IPublishPacket } from 'mqtt';

interface Alert {
  /** Absent of a digest (`mqtt.late: digest`). */
  readonly id?: string;
  readonly type?: 'digest';
  readonly rule?: string;
  readonly severity: 'info' | 'warning' | 'critical';
  /** Absent where the whole board is meant. */
  readonly camera?: string;
  readonly message: string;
  readonly at: string;
  readonly late?: boolean;
  readonly snapshot?: { readonly topic?: string; readonly sha256: string };
  /** Of a digest: the numbers it stands for. */
  readonly epoch?: string;
  readonly first?: number;
  readonly last?: number;
  readonly count?: number;
}

/** One alert on the disk. */
interface Spooled {
  readonly alert: Alert;
  /** JPEG. */
  readonly pictureBase64?: string;
}

const {
  MQTT_URL = 'mqtt://localhost:1883',
  MQTT_USER,
  MQTT_PASSWORD,
  /** Alerts of all boards. */
  ALERT_TOPIC = 'vedette/+/alert',
  NTFY_URL,
  NTFY_TOKEN,
  WEBHOOK_URL,
  SPOOL = 'alert-spool',
  CLIENT_ID = `alert-bridge-${hostname()}`,
  RETRY_MAX_S = '60',
} = process.env;

/** What waits on the disk, at most: beyond it the oldest is given up. */
const SPOOL_MAX = 5000;
/** Alerts that have been delivered are known for so long: the broker may repeat them. */
const DELIVERED_MAX = 1000;
const DELIVERY_TIMEOUT_MS = 20_000;
const PICTURE_WAIT_MS = 5000;
const PRIORITY = { info: '3', warning: '4', critical: '5' };
const TAG = { info: 'information_source', warning: 'warning', critical: 'rotating_light' };
/** Answers that another attempt may change: somebody mends the address, the token or the server. */
const WORTH_WAITING = new Set([401, 403, 404, 408, 429]);

const DELIVERED_FILE = join(SPOOL, 'delivered');
const spooled = new EventEmitter();
/** Newest picture by topic. */
const pictures = new Map<string, Buffer>();
mkdirSync(SPOOL, { recursive: true });
const delivered = existsSync(DELIVERED_FILE) ? readFileSync(DELIVERED_FILE, 'utf8').trim().split('\n') : [];
/** Keys of alerts that are not taken again. */
const known = new Set([...delivered, ...waiting().map((name) => keyOf(read(name).alert))]);
let count = Number.parseInt(waiting().at(-1) ?? '0', 10);
/** Ends with the alert that is being taken. */
let taken = Promise.resolve();

/** Names of the alerts that wait, oldest first. */
function waiting(): string[] {
  return readdirSync(SPOOL)
    .filter((name) => name.endsWith('.json'))
    .sort();
}

function read(name: string): Spooled {
  return JSON.parse(readFileSync(join(SPOOL, name), 'utf8')) as Spooled;
}

/**
 * The same for an alert that comes again, another for every other one. A digest has its numbers instead of an id, and its time:
 * two may end with the same number, and after an older data folder has been put back numbers are given out once more.
 */
function keyOf({ id, epoch, first, last, count, at }: Alert): string {
  return id ?? [epoch, first, last, count, at].join('-');
}

/** Undefined for what is no alert of Vedette: anybody may publish anything. */
function alertOf(text: string): Alert | undefined {
  try {
    const alert = JSON.parse(text) as Partial<Alert> | null;
    const isAlert = typeof alert?.id === 'string' || alert?.type === 'digest';
    return isAlert && typeof alert.message === 'string' ? (alert as Alert) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Takes an alert; when this resolves it is on the disk. One at a time: where the connection is renewed while an alert waits for
 * its picture the broker sends it again, and that copy must find it known.
 */
function take(packet: IPublishPacket): Promise<void> {
  const mine = taken.then(() => takeNext(packet));
  taken = mine.catch(() => {});
  return mine;
}

async function takeNext({ payload }: IPublishPacket): Promise<void> {
  const text = payload.toString();
  const alert = alertOf(text);
  if (alert === undefined) return console.error('not an alert, left out:', text.slice(0, 100));
  const key = keyOf(alert);
  if (known.has(key)) return;
  const picture = await pictureOf(alert);
  const entry: Spooled = { alert, ...(picture && { pictureBase64: picture.toString('base64') }) };
  count += 1;
  const name = join(SPOOL, `${String(count).padStart(12, '0')}.json`);
  // Under another name until it is whole.
  writeFileSync(`${name}.part`, JSON.stringify(entry), { flush: true });
  renameSync(`${name}.part`, name);
  known.add(key);
  spooled.emit('one');
}

/** The very picture that the alert names, when it can be had within a moment. */
async function pictureOf({ snapshot }: Alert): Promise<Buffer | undefined> {
  const { topic, sha256 } = snapshot ?? {};
  if (topic === undefined) return undefined;
  for (let waitedMs = 0; waitedMs <= PICTURE_WAIT_MS; waitedMs += 50) {
    const picture = pictures.get(topic);
    if (picture && createHash('sha256').update(picture).digest('hex') === sha256) return picture;
    await delay(50);
  }
  return undefined;
}

/** Delivers what waits, in order, for ever. */
async function deliverAll(): Promise<void> {
  for (;;) {
    const names = waiting();
    const [name] = names;
    if (name === undefined) {
      await once(spooled, 'one');
      continue;
    }
    const entry = read(name);
    if (names.length > SPOOL_MAX) console.error(`more than ${SPOOL_MAX} wait: given up`, keyOf(entry.alert));
    else await deliver(entry);
    remember(keyOf(entry.alert));
    rmSync(join(SPOOL, name));
  }
}

function remember(key: string): void {
  delivered.push(key);
  if (delivered.length <= 2 * DELIVERED_MAX) return appendFileSync(DELIVERED_FILE, `${key}\n`);
  for (const old of delivered.splice(0, DELIVERED_MAX)) known.delete(old);
  writeFileSync(DELIVERED_FILE, delivered.map((one) => `${one}\n`).join(''));
}

async function deliver({ alert, pictureBase64 }: Spooled): Promise<void> {
  let picture = pictureBase64 === undefined ? undefined : Buffer.from(pictureBase64, 'base64');
  for (let waitS = 1; ; waitS = Math.min(waitS * 2, Number(RETRY_MAX_S))) {
    let problem: string;
    try {
      const { ok, status } = await fetch(...requestOf(alert, picture));
      if (ok) return console.error(`delivered: ${alert.message}`);
      problem = `answer ${status}`;
      if (status < 500 && !WORTH_WAITING.has(status)) {
        if (picture === undefined) return console.error(`refused with ${status}, given up:`, keyOf(alert));
        // Too large, or not wanted there.
        picture = undefined;
        continue;
      }
    } catch (error) {
      problem = String((error as Error).cause ?? error);
    }
    const pauseS = Math.min(waitS, Number(RETRY_MAX_S));
    console.error(`${problem}: trying again in ${pauseS} s`);
    await delay(pauseS * 1000);
  }
}

function requestOf(alert: Alert, picture: Buffer | undefined): [url: string, request: RequestInit] {
  const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_MS);
  // A digest (`mqtt.late: digest`) has neither; an alert of the whole board has no camera.
  const title = [alert.camera, alert.rule].filter((word) => word !== undefined).join(': ') || 'Vedette';
  const message = alert.late ? `${alert.message} (${alert.at})` : alert.message;
  if (WEBHOOK_URL !== undefined) {
    const body = { title, message, alert, picture: picture?.toString('base64') ?? null };
    const headers = { 'content-type': 'application/json' };
    return [WEBHOOK_URL, { method: 'POST', headers, body: JSON.stringify(body), signal }];
  }
  const headers = {
    title: word(title),
    priority: PRIORITY[alert.severity],
    tags: TAG[alert.severity],
    ...(NTFY_TOKEN === undefined ? {} : { authorization: `Bearer ${NTFY_TOKEN}` }),
  };
  if (picture === undefined) return [NTFY_URL!, { method: 'POST', headers, body: message, signal }];
  const attached = { ...headers, message: word(message), filename: word(`${alert.camera ?? 'vedette'}.jpg`) };
  return [NTFY_URL!, { method: 'PUT', headers: attached, body: new Uint8Array(picture), signal }];
}

/** A header has no letters beyond ASCII: RFC 2047, which ntfy reads. */
function word(text: string): string {
  return /^[ -~]*$/.test(text) ? text : `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
}

if ((NTFY_URL === undefined) === (WEBHOOK_URL === undefined)) {
  console.error('set NTFY_URL (https://ntfy.sh/your-topic) or WEBHOOK_URL, one of the two');
  process.exit(2);
}
const login: IClientOptions = {
  ...(MQTT_USER === undefined ? {} : { username: MQTT_USER }),
  ...(MQTT_PASSWORD === undefined ? {} : { password: MQTT_PASSWORD }),
};
const gallery = connect(MQTT_URL, { ...login, protocolVersion: 4, resubscribe: false });
gallery.on('error', (error) => console.error('pictures:', error.message));
gallery.on('message', (topic, payload) => pictures.set(topic, payload));
// Of the same boards, whatever the topic of the alerts is: a rule may have one of its own, such as `vedette/pi/house/door`.
const boards = ALERT_TOPIC.split('/').slice(0, 2).join('/');
gallery.on('connect', () => gallery.subscribe(`${boards}/camera/+/label/+/snapshot`));

const alerts = connect(MQTT_URL, {
  ...login,
  protocolVersion: 4,
  clientId: CLIENT_ID,
  clean: false,
  resubscribe: false,
});
// The broker is told that a message has come when `done` is called.
alerts.handleMessage = (packet, done) => {
  const attempt = (): void => {
    take(packet).then(
      () => done(),
      (error: Error) => {
        console.error('cannot be written:', error.message);
        setTimeout(attempt, 1000);
      },
    );
  };
  attempt();
};
alerts.on('error', (error) => console.error('alerts:', error.message));
alerts.on('connect', () => {
  alerts.subscribe(ALERT_TOPIC, { qos: 1 }, () => console.error(`waiting for ${ALERT_TOPIC}`));
});
await deliverAll();
