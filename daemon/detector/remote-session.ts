// A model that another machine runs: asks an inference server that speaks KServe v2, beside the local model, which answers
// whenever this one does not. Owns the connection, when it is used, left alone and tried again. Runs in the detector
// process.
import { readFile } from 'node:fs/promises';
import type { DetectorConfig } from '../config/types.ts';
import type { ModelSpec } from '../core/types.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { readProblem, reasonOf } from '../platform/errors.ts';
import { Percentiles } from '../platform/percentiles.ts';
import type { RemoteReport } from './control.ts';
import type { OutputData } from './decode.ts';
import {
  AnswerReader,
  binaryHead,
  HEADER_LENGTH,
  jsonRequest,
  misfits,
  modelPath,
  parseJson,
  remoteProblem,
  serverPath,
  takesBinary,
} from './kserve.ts';
import { ANSWER_BYTES_MAX, RemoteLink, WORDS_BYTES_MAX } from './remote-link.ts';
import { tensorBytes } from './wire.ts';

export type RemoteConfig = NonNullable<DetectorConfig['remote']>;

const RETRY_MIN_MS = 1000;
const RETRY_MAX_S = 60;
/** A server that answered for this long failed without a grudge: it is soon tried again. */
const STABLE_MS = 60_000;
/** Of each question of a probe, and of its inference. The first one may load a model or plan memory. */
const PROBE_TIMEOUT_MS = 10_000;
const TIMES_KEPT = 64;

export interface RemoteSessionOptions {
  readonly model: ModelSpec;
  /** Boxes in the outputs of one run of the local model: a server's answer is held against them. */
  readonly localBoxes: number;
  readonly remote: RemoteConfig;
  readonly clock: Clock;
  /** The state changed, or the reason for it. */
  readonly onChange: (report: RemoteReport) => void;
}

export class RemoteSession {
  readonly #options: RemoteSessionOptions;
  readonly #url: URL;
  readonly #path: string;
  readonly #backoff: Backoff;
  readonly #reader: AnswerReader;
  readonly #head: Uint8Array;
  readonly #times = new Percentiles(TIMES_KEPT);
  #link: RemoteLink | undefined;
  #binary = true;
  #goodSinceMonoMs: number | undefined;
  #reason = 'it has not been asked yet';
  #retry: Timer | undefined;
  #tried = false;
  #stopped = false;
  #fallbacks = 0;

  constructor(options: RemoteSessionOptions) {
    const { remote, model, localBoxes } = options;
    this.#options = options;
    this.#url = new URL(remote.url);
    this.#path = modelPath(this.#url, { model: remote.model ?? model.name, version: remote.version });
    this.#backoff = new Backoff({ minMs: RETRY_MIN_MS, maxMs: (remote.retryMaxS ?? RETRY_MAX_S) * 1000 });
    this.#reader = new AnswerReader(model, localBoxes);
    this.#head = binaryHead(model);
  }

  /** Whether there is anything to report. */
  get tried(): boolean {
    return this.#tried;
  }

  /** True while the server is to be asked. */
  get good(): boolean {
    return this.#goodSinceMonoMs !== undefined;
  }

  /** Median of the last inferences in milliseconds, 0 before the first. */
  get medianMs(): number {
    return this.#times.at(0.5);
  }

  /** Begins; resolves when the server was tried for the first time. */
  start(): Promise<void> {
    return this.#probe();
  }

  /** Breaks off what is in hand; `run` resolves with undefined from now on. */
  stop(): void {
    this.#stopped = true;
    this.#goodSinceMonoMs = undefined;
    this.#retry?.stop();
    this.#link?.close();
  }

  report(): RemoteReport {
    const remoteMs = Math.round(this.medianMs * 10) / 10;
    const fallbacks = this.#fallbacks;
    if (this.good) return { type: 'remote', state: 'remote', remoteMs, fallbacks };
    return { type: 'remote', state: 'local', reason: this.#reason, remoteMs, fallbacks };
  }

  /** A run that the local model answers because the server is not to be asked or had not answered. */
  countFallback(): void {
    this.#fallbacks += 1;
  }

  /** Runs once over `input`; undefined when there is no answer within `timeoutMs`. Never rejects. */
  async run(input: Uint8Array, timeoutMs: number): Promise<OutputData | undefined> {
    const link = this.#link;
    if (link === undefined || !this.good) return undefined;
    try {
      const outputs = await this.#infer(link, input, timeoutMs);
      return this.#stopped ? undefined : outputs;
    } catch (error) {
      this.#failed(reasonOf(error));
      return undefined;
    }
  }

  async #infer(link: RemoteLink, input: Uint8Array, timeoutMs: number): Promise<OutputData> {
    const { clock, model } = this.#options;
    const startMonoMs = clock.monoMs();
    const head = this.#head;
    const { headers, body } = await link.ask({
      method: 'POST',
      path: `${this.#path}/infer`,
      headers: this.#binary
        ? { 'content-type': 'application/octet-stream', [HEADER_LENGTH]: String(head.length) }
        : { 'content-type': 'application/json' },
      body: this.#binary ? [head, input] : [jsonRequest(model, input)],
      answerBytesMax: ANSWER_BYTES_MAX,
      timeoutMs,
    });
    const length = headers[HEADER_LENGTH];
    const outputs = this.#reader.read(body, Array.isArray(length) ? length.join() : length);
    this.#times.add(clock.monoMs() - startMonoMs);
    return outputs;
  }

  /** Asks the server whether it is ready with our model, then for one inference over an empty picture. */
  async #probe(): Promise<void> {
    try {
      const link = await this.#connect();
      await this.#checkModel(link);
      await this.#infer(link, new Uint8Array(tensorBytes(this.#options.model.input)), PROBE_TIMEOUT_MS);
    } catch (error) {
      this.#failed(reasonOf(error));
      return;
    }
    if (this.#stopped) return;
    this.#tried = true;
    this.#goodSinceMonoMs = this.#options.clock.monoMs();
    this.#options.onChange(this.report());
  }

  /** A fresh connection: the file of the authority may be a new one. */
  async #connect(): Promise<RemoteLink> {
    const { remote, clock } = this.#options;
    this.#link?.close();
    const ca = remote.caFile === undefined ? undefined : await readCa(remote.caFile);
    const link = new RemoteLink({ url: remote.url, token: remote.token, ca, clock });
    this.#link = link;
    if (this.#stopped) link.close();
    return link;
  }

  async #checkModel(link: RemoteLink): Promise<void> {
    const { model, remote } = this.#options;
    const question = { method: 'GET', answerBytesMax: WORDS_BYTES_MAX, timeoutMs: PROBE_TIMEOUT_MS } as const;
    const named = `model '${remote.model ?? model.name}'`;
    await link.ask({ ...question, path: `${this.#path}/ready` }).catch((error: unknown) => {
      throw remoteProblem(`is not ready with ${named}: it ${reasonOf(error)}`, error);
    });
    const server = await link.ask({ ...question, path: serverPath(this.#url) });
    this.#binary = takesBinary(parseJson(server.body));
    const metadata = await link.ask({ ...question, path: this.#path });
    const problems = misfits(model, parseJson(metadata.body));
    if (problems.length > 0) throw remoteProblem(`has another ${named}: ${problems.join('; ')}`);
  }

  /** Leaves the server alone for a while. */
  #failed(reason: string): void {
    if (this.#stopped) return;
    const { clock, onChange } = this.#options;
    const livedMs = this.#goodSinceMonoMs === undefined ? 0 : clock.monoMs() - this.#goodSinceMonoMs;
    this.#tried = true;
    if (livedMs >= STABLE_MS) this.#backoff.reset();
    const changed = this.good || reason !== this.#reason;
    this.#goodSinceMonoMs = undefined;
    this.#reason = reason;
    this.#link?.close();
    this.#retry?.stop();
    this.#retry = clock.after(this.#backoff.nextMs(), () => void this.#probe());
    if (changed) onChange(this.report());
  }
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw remoteProblem(`is not asked: detector.remote.caFile '${path}' ${readProblem(error)}`, error);
  }
}
