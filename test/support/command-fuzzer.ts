// Hostile commands and requests from a seed, and what must become of each: a refusal to its id or to `error`, or, for the few
// that are good by chance, an answer. Knows the rules of docs/mqtt.md by itself, so that it does not repeat the code's mistakes.

export interface FuzzMessage {
  /** Below the device. */
  readonly path: string;
  readonly payload: Buffer;
}

const CAMERAS = [
  'porch',
  'lane',
  'yard',
  '',
  '$SYS',
  'constructor',
  '__proto__',
  'ö',
  '\u0001',
  'x'.repeat(200),
];
const NAMES = ['enabled', 'detect', 'armed', 'threshold', 'status', 'snapshot', 'toString', '', 'ＯＮ'];
const VERBS = ['events', 'snapshot', 'why', 'backtest', '', 'constructor', '__proto__', 'events ', '\u202e'];
const WORDS = [
  'on',
  'off',
  'true',
  'ON ',
  '\u0000ON',
  'ON\n',
  '0x1',
  '1e0',
  '-0',
  '1.01',
  'NaN',
  '∞',
  '',
  'null',
];
const KEYS = [
  ...['id', 'counter', 'afterSeq', 'limit', 'camera', 'rules', 'zones', 'since', 'until', 'of'],
  ...['__proto__', 'constructor', 'v', 'ID'],
];
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  1.5,
  200,
  201,
  2 ** 53 + 2,
  '',
  'event',
  'alert',
  'gap',
  'porch',
  'yard',
  [],
  {},
  [[[[]]]],
  '\u001b[2J',
  'a'.repeat(100),
];
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const BYTES_MAX = 4096;
/** Of a request that brings rules with it. */
const BACKTEST_BYTES_MAX = 65_536;

export class Fuzzer {
  #state: number;
  #count = 0;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): FuzzMessage {
    this.#count += 1;
    return this.#chance(0.5) ? this.#set() : this.#request();
  }

  /** Never one that is good: a payload that a switch takes goes to a switch that there is not. */
  #set(): FuzzMessage {
    const camera = this.#pick(CAMERAS);
    const name = this.#pick(NAMES);
    const path = this.#chance(0.2) ? 'arm/set' : `camera/${topicLevel(camera)}/${topicLevel(name)}/set`;
    const payload = this.#chance(0.5) ? Buffer.from(this.#pick(WORDS)) : this.#bytes();
    return { path, payload };
  }

  #request(): FuzzMessage {
    const verb = this.#chance(0.3) ? this.#pick(['events', 'snapshot']) : this.#pick(VERBS);
    const path = `request/${topicLevel(verb)}`;
    const kind = this.#below(10);
    if (kind === 0) return { path, payload: this.#bytes() };
    if (kind === 1) return { path, payload: Buffer.from('['.repeat(this.#below(5000))) };
    const document: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    if (!this.#chance(0.1)) document['id'] = this.#id();
    if (this.#chance(0.7)) this.#fill(document);
    for (let n = this.#below(3); n > 0; n -= 1) this.#disturb(document);
    const text = JSON.stringify(document);
    return { path, payload: Buffer.from(kind === 2 ? this.#cut(text) : text) };
  }

  /** Ids stay unique: one used twice is another matter. */
  #disturb(document: Record<string, unknown>): void {
    const key = this.#pick(KEYS);
    document[key] = key === 'id' ? this.#id() : this.#pick(VALUES);
  }

  /** What a good request has beside its id. */
  #fill(document: Record<string, unknown>): void {
    if (this.#chance(0.5))
      Object.assign(document, { counter: 'alert', afterSeq: this.#below(300), limit: 3 });
    else document['camera'] = 'porch';
  }

  #id(): unknown {
    return this.#chance(0.8)
      ? `f${this.#count}`
      : this.#pick(['error', '', 'a b', 'a/b', '#', 7, 'y'.repeat(65)]);
  }

  /** Some are far too long, most are no UTF-8. */
  #bytes(): Buffer {
    const length = this.#chance(0.1) ? this.#below(20_000) : this.#below(60);
    return Buffer.from(Array.from({ length }, () => this.#below(256)));
  }

  #cut(text: string): string {
    const at = this.#below(text.length);
    return this.#chance(0.5)
      ? text.slice(0, at)
      : text.slice(0, at) + String.fromCharCode(this.#below(128)) + text.slice(at + 1);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }

  #chance(share: number): boolean {
    return this.#below(1_000_000) < share * 1_000_000;
  }

  /** mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
  }
}

/** What a topic may hold at all: the broker closes the connection of whoever sends another (MQTT 3.1.1, 3.3.2.1). */
function topicLevel(text: string): string {
  return text.replaceAll(/[\p{Cc}+#]/gu, '_');
}

/** Topic and outcome of its one answer. */
export function expectedOf({ path, payload }: FuzzMessage): string {
  const bytesMax = path === 'request/backtest' ? BACKTEST_BYTES_MAX : BYTES_MAX;
  if (!path.startsWith('request/') || payload.length > bytesMax) return 'response/error false';
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
  } catch {
    return 'response/error false';
  }
  const fields = (document ?? {}) as Record<string, unknown>;
  const { id } = fields;
  if (Array.isArray(document) || typeof id !== 'string' || !ID.test(id) || id === 'error')
    return 'response/error false';
  const verb = path.slice('request/'.length);
  const allowed = {
    ...{ events: ['id', 'counter', 'afterSeq', 'limit'], snapshot: ['id', 'camera'] },
    why: ['id', 'of', 'camera', 'label', 'rule', 'since', 'until', 'limit'],
  };
  const keys = Object.hasOwn(allowed, verb) ? allowed[verb as keyof typeof allowed] : [];
  const isKnown = Object.keys(fields).every((key) => keys.includes(key));
  const good: Readonly<Record<string, (fields: Record<string, unknown>) => boolean>> = {
    ...{ events: asksEvents, snapshot: ({ camera }) => camera === 'porch', why: asksWhy },
  };
  const isGood = isKnown && keys.length > 0 && good[verb]!(fields);
  return `response/${id} ${String(isGood)}`;
}

/** None of the times that are sent is one. */
function asksWhy({ id: _id, limit = 1, since, until, ...names }: Record<string, unknown>): boolean {
  const isText = (text: unknown): boolean => typeof text === 'string' && text !== '';
  const isShort = names['of'] === undefined || String(names['of']).length <= 64;
  const given = Object.values(names);
  const isAbout = given.length > 0 && given.every(isText) && isShort;
  return isAbout && isWhole(limit, 1, 50) && since === undefined && until === undefined;
}

function asksEvents({ counter, afterSeq, limit = 1 }: Record<string, unknown>): boolean {
  const isCounter = counter === 'event' || counter === 'alert';
  return isCounter && isWhole(afterSeq, 0, Number.MAX_SAFE_INTEGER) && isWhole(limit, 1, 200);
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}
