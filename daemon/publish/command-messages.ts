// What a command or request says, read as hostile: size, encoding, names, values. Owns the wire shapes of docs/mqtt.md,
// "Commands"; knows no broker and changes nothing. Every refusal is a VedetteError that names the thing, the value seen and
// what is allowed. Pure, main thread.
import { z } from 'zod';
import { known } from '../core/config-fault.ts';
import {
  CAMERA_SWITCHES,
  type CameraSwitch,
  HOUSE_ARMED,
  type SwitchValue,
  switchKey,
} from '../core/switches.ts';
import { VedetteError } from '../platform/errors.ts';
import { showText, showValue } from '../platform/show.ts';
import { isoTime, PAYLOAD_VERSION } from './payloads.ts';

/** Longer commands are not looked at. */
export const COMMAND_BYTES_MAX = 4096;
/** Those that bring rules with them may be longer. */
export const BACKTEST_BYTES_MAX = 64 * 1024;
/** Of messages that one answer to `request/events` may have. */
export const EVENTS_LIMIT_MAX = 200;
/** Of tracks that one answer to `request/why` may have. */
export const WHY_LIMIT_MAX = 50;
/** Where refusals go that have no id. No request may have this id. */
export const ERROR_ID = 'error';

/** A threshold that is left to the configuration and the model. */
const AUTO = 'auto';
/** Six digits are more than a score has; no sign, no exponent, nothing that only looks like a number. */
const THRESHOLD = /^(?:0|1|[01]\.\d{1,6})$/;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const PATH_SHOWN_MAX = 160;

const id = z.string().regex(ID);
/** What stands below `rules:`, or by camera below its `zones:` and `lines:`. */
const yaml = z.string().min(1).max(BACKTEST_BYTES_MAX);
/** A duration before now or a time; the command that it goes to says what is wrong with it. */
const time = z.string().regex(/^\d[0-9A-Za-z:.+-]{0,39}$/);
const REQUESTS = {
  events: z.strictObject({
    id,
    counter: z.enum(['event', 'alert']),
    afterSeq: z.int().min(0),
    limit: z.int().min(1).max(EVENTS_LIMIT_MAX).default(100),
  }),
  snapshot: z.strictObject({ id, camera: z.string().min(1) }),
  why: z.strictObject({
    id,
    of: z.string().min(1).max(64).optional(),
    camera: z.string().min(1).optional(),
    label: z.string().min(1).optional(),
    rule: z.string().min(1).optional(),
    since: time.optional(),
    until: time.optional(),
    limit: z.int().min(1).max(WHY_LIMIT_MAX).default(10),
  }),
  backtest: z.strictObject({
    id,
    rules: yaml.optional(),
    zones: yaml.optional(),
    lines: yaml.optional(),
    since: time.default('7d'),
    until: time.optional(),
    camera: z.string().min(1).optional(),
  }),
};

export type Verb = keyof typeof REQUESTS;
export type RequestOf<V extends Verb> = z.output<(typeof REQUESTS)[V]>;

/** The verbs that are answered. */
export const VERBS = Object.keys(REQUESTS) as readonly Verb[];

export function isVerb(verb: string): verb is Verb {
  return Object.hasOwn(REQUESTS, verb);
}

/** The payload as text. Throws COMMAND_INVALID where it is too large or no UTF-8. */
export function commandText(payload: Buffer, verb?: string): string {
  const bytesMax = verb === 'backtest' ? BACKTEST_BYTES_MAX : COMMAND_BYTES_MAX;
  if (payload.length > bytesMax) {
    throw invalid(`${payload.length} bytes are more than a command may have (${bytesMax})`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    throw invalid(`the ${payload.length} bytes are not UTF-8`);
  }
}

/** Which switch the path of a `…/set` topic is about. Throws COMMAND_UNKNOWN. */
export function switchOf(path: string, cameras: readonly string[]): { key: string; name: CameraSwitch } {
  if (path === `${HOUSE_ARMED}/set`) return { key: HOUSE_ARMED, name: 'armed' };
  const [, camera = '', wanted = ''] = path.split('/');
  if (!cameras.includes(camera)) {
    throw unknown(`there is no camera ${showText(camera)} (${known(cameras, 'there are')})`);
  }
  const name = CAMERA_SWITCHES.find((candidate) => candidate === wanted);
  if (name === undefined) {
    const those = known(CAMERA_SWITCHES, 'it has');
    throw unknown(`camera '${camera}' has no switch ${showText(wanted)} (${those})`);
  }
  return { key: switchKey(camera, name), name };
}

/** The value that a text gives a switch. Throws COMMAND_INVALID. */
export function readSwitch({ key, name }: { key: string; name: CameraSwitch }, text: string): SwitchValue {
  if (name === 'threshold') {
    if (text === AUTO) return null;
    if (THRESHOLD.test(text) && Number(text) <= 1) return Number(text);
    throw invalid(`${key}: must be a number from 0 to 1, or ${AUTO} (got ${showText(text)})`);
  }
  if (text === 'ON' || text === 'OFF') return text === 'ON';
  throw invalid(`${key}: must be ON or OFF (got ${showText(text)})`);
}

/** The same the other way round: the payload of a state topic. */
export function switchText(value: SwitchValue): string {
  if (typeof value === 'boolean') return value ? 'ON' : 'OFF';
  // The file may have more digits than a command.
  return value === null ? AUTO : String(Number(value.toFixed(6)));
}

/** A request as sent, and the id to answer to; the id is absent where there is none that can be a topic. */
export interface RawRequest {
  readonly id?: string;
  /** Reads it as what its verb takes. Throws COMMAND_INVALID. */
  read<V extends Verb>(verb: V): RequestOf<V>;
}

/** Never throws: what is wrong is told by `read`. */
export function readRequest(text: string): RawRequest {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { read: () => fail(`the payload is not JSON: ${showText(text)}`) };
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return { read: () => fail(`the payload must be a JSON object (got ${showValue(document)})`) };
  }
  const { id: wanted } = document as { readonly id?: unknown };
  const isId = typeof wanted === 'string' && ID.test(wanted) && wanted !== ERROR_ID;
  return {
    ...(isId ? { id: wanted } : {}),
    read: (verb) => {
      if (!isId) {
        const rule = `must be 1 to 64 of A-Z, a-z, 0-9, '-' and '_', and not '${ERROR_ID}'`;
        return fail(`id: ${rule} (got ${showValue(wanted)})`);
      }
      const read = REQUESTS[verb].safeParse(document);
      if (!read.success) return fail(problemOf(read.error, document, REQUESTS[verb]));
      return read.data as RequestOf<typeof verb>;
    },
  };
}

/** The first thing that is wrong with a request. */
function problemOf({ issues }: z.ZodError, document: object, schema: z.ZodObject): string {
  const [issue] = issues;
  if (issue?.code === 'unrecognized_keys') {
    const keys = known(Object.keys(schema.shape), 'there are');
    return `there is no key ${showText(issue.keys[0] ?? '')} (${keys})`;
  }
  const key = String(issue?.path[0]);
  const seen = (document as Readonly<Record<string, unknown>>)[key];
  return `${key}: ${issue?.message} (got ${showValue(seen)})`;
}

/** A refusal as it is answered. `path` is that of the message, `id` that of the request where it has one. */
export function refusalPayload(
  error: VedetteError,
  { path, id, nowMs }: { path: string; id?: string | undefined; nowMs: number },
): string {
  return JSON.stringify({
    v: PAYLOAD_VERSION,
    ...(id === undefined ? {} : { id }),
    ok: false,
    topic: showPath(path),
    error: { code: error.code, message: error.message },
    at: isoTime(nowMs),
    atMs: nowMs,
  });
}

/** A path for logs and answers: escaped where it is none of ours. */
export function showPath(path: string): string {
  return showText(path, PATH_SHOWN_MAX).slice(1, -1);
}

export function unknownVerb(verb: string): VedetteError {
  return unknown(`there is no request ${showText(verb)} (${known(VERBS, 'there are')})`);
}

export function invalid(message: string): VedetteError {
  return new VedetteError('COMMAND_INVALID', message);
}

function unknown(message: string): VedetteError {
  return new VedetteError('COMMAND_UNKNOWN', message);
}

function fail(message: string): never {
  throw invalid(message);
}
