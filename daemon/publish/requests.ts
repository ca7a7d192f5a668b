// Answers to requests: stored messages again, for a subscriber that missed some, the newest picture of a camera, other rules
// tried on the last days. Owns the shape of the answers; what they are made of is passed in. Main thread.
import { known } from '../core/config-fault.ts';
import type { OutboxRow } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { MOMENT_WORDS, readMoment } from '../platform/moments.ts';
import { showText } from '../platform/show.ts';
import { invalid, type RequestOf, type Verb } from './command-messages.ts';
import { isoTime, PAYLOAD_VERSION } from './payloads.ts';

/** Characters of messages in one answer; what is more is asked for next. At least one message is sent. */
const MESSAGES_LENGTH_MAX = 512 * 1024;

/** A picture that is larger than this, small as the camera has made it, is not sent: a broker might close the connection. */
const PICTURE_BYTES_MAX = 700 * 1024;

export interface StoredMessages {
  readonly epoch: string;
  /** The last number given out. */
  readonly lastSeq: number;
  /** Ascending. */
  readonly rows: readonly OutboxRow[];
}

export interface NewestPicture {
  readonly jpeg: Uint8Array;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly atMs: number;
}

/** Wall clock milliseconds; without `id` it is about a time. */
export interface WhyQuestion extends Omit<RequestOf<'why'>, 'id' | 'of' | 'since' | 'until'> {
  readonly id: string | undefined;
  readonly sinceMs: number | undefined;
  readonly untilMs: number | undefined;
}

/** As `vedette why --json` prints it, newest first. */
export interface Explanation {
  readonly alerts: readonly object[];
  readonly tracks: readonly object[];
  readonly notes: readonly string[];
  readonly more: boolean;
}

export interface RequestSources {
  readonly messages: (query: Omit<RequestOf<'events'>, 'id'>) => Promise<StoredMessages>;
  /** A row as it is published: JSON. */
  readonly payloadOf: (row: OutboxRow) => string;
  readonly cameras: () => readonly string[];
  /** Rejects with a VedetteError where there is none. */
  readonly picture: (camera: string) => Promise<NewestPicture>;
  /** Rejects with a VedetteError where there is nothing to explain. */
  readonly why: (query: WhyQuestion) => Promise<Explanation>;
  /** What `vedette backtest --json` prints. Rejects with a VedetteError where it could not be found out. */
  readonly backtest: (question: Omit<RequestOf<'backtest'>, 'id'>) => Promise<string>;
}

/** Carries a request out; the answer as it is published. */
export type Answers = { readonly [V in Verb]: (request: RequestOf<V>) => Promise<string> };

export function answersFrom(sources: RequestSources, clock: Pick<Clock, 'nowMs'>): Answers {
  return {
    events: (request) => eventsAnswer(request, sources),
    snapshot: (request) => snapshotAnswer(request, sources),
    why: (request) => whyAnswer(request, sources, clock.nowMs()),
    backtest: (request) => backtestAnswer(request, sources),
  };
}

async function eventsAnswer(request: RequestOf<'events'>, sources: RequestSources): Promise<string> {
  const { id, ...query } = request;
  const { epoch, lastSeq, rows } = await sources.messages(query);
  const messages: string[] = [];
  let length = 0;
  let heldSeq = query.afterSeq;
  for (const row of rows) {
    const message = sources.payloadOf(row);
    length += message.length;
    if (messages.length > 0 && length > MESSAGES_LENGTH_MAX) break;
    messages.push(message);
    heldSeq = row.seq;
  }
  const more = rows.length > 0 && heldSeq < lastSeq;
  const head = JSON.stringify({ v: PAYLOAD_VERSION, id, ok: true, epoch, lastSeq, more });
  // The messages are JSON already, to the letter what the topic has.
  return `${head.slice(0, -1)},"messages":[${messages.join(',')}]}`;
}

async function snapshotAnswer(request: RequestOf<'snapshot'>, sources: RequestSources): Promise<string> {
  const { id, camera } = request;
  requireCamera(camera, sources);
  const { jpeg, width, height, atMs } = await sources.picture(camera);
  if (jpeg.length > PICTURE_BYTES_MAX) {
    const message = `camera '${camera}': its picture has ${jpeg.length} bytes, more than an answer may have (${PICTURE_BYTES_MAX})`;
    throw new VedetteError('CAMERA_NO_PICTURE', message, { camera });
  }
  const picture = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.length).toString('base64');
  const seen = { camera, width, height, at: isoTime(atMs), atMs };
  return JSON.stringify({ v: PAYLOAD_VERSION, id, ok: true, ...seen, jpeg: picture });
}

async function whyAnswer(request: RequestOf<'why'>, sources: RequestSources, nowMs: number): Promise<string> {
  const { id, of, since, until, ...rest } = request;
  const [sinceMs, untilMs] = [momentOf('since', since, nowMs), momentOf('until', until, nowMs)];
  const named = [rest.camera, rest.label, rest.rule, since, until].filter((one) => one !== undefined);
  if (of === undefined && named.length === 0) {
    throw invalid('of: must name an event or alert, where there is no camera, label, rule, since or until');
  }
  const answer = await sources.why({ ...rest, id: of, sinceMs, untilMs });
  const head = { v: PAYLOAD_VERSION, id, ok: true };
  // The newest first: what is more than an answer may have is at the end.
  for (let tracks = answer.tracks; ; tracks = tracks.slice(0, tracks.length >> 1)) {
    const more = answer.more || tracks.length < answer.tracks.length;
    const text = JSON.stringify({ ...head, ...answer, tracks, more });
    if (text.length <= MESSAGES_LENGTH_MAX || tracks.length === 0) return text;
  }
}

function momentOf(key: string, text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const atMs = readMoment(text, nowMs);
  if (atMs === undefined) throw invalid(`${key}: must be ${MOMENT_WORDS} (got ${showText(text)})`);
  return atMs;
}

/** The report is JSON already, and bounded by who makes it. */
async function backtestAnswer(request: RequestOf<'backtest'>, sources: RequestSources): Promise<string> {
  const { id, ...question } = request;
  if (question.camera !== undefined) requireCamera(question.camera, sources);
  const report = await sources.backtest(question);
  const head = JSON.stringify({ v: PAYLOAD_VERSION, id, ok: true });
  return `${head.slice(0, -1)},"report":${report.trim()}}`;
}

function requireCamera(camera: string, sources: RequestSources): void {
  const cameras = sources.cameras();
  if (cameras.includes(camera)) return;
  const message = `there is no camera ${showText(camera)} (${known(cameras, 'there are')})`;
  throw new VedetteError('COMMAND_UNKNOWN', message);
}
