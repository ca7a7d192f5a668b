// One question to a web server: through the proxy the environment names, from address to address where it is sent on, with a
// limit on every wait. Says in plain words why there is no answer. Knows nothing of models and files. Main thread of a command.
import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as plainRequest,
  STATUS_CODES,
} from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { hideCredentials } from '../platform/redact.ts';

const REDIRECTS_MAX = 5;
const HEADER_BYTES_MAX = 32_768;

export interface AskOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** At most between two bytes of the answer, and until its first. */
  readonly silenceMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface WebAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** That gave the answer in the end. */
  readonly url: URL;
  readonly body: WebBody;
}

/** No answer, or only a part of one; another try may help. */
export class Interrupted extends Error {
  /** The board has no way to the server, which another try in a moment does not change. */
  readonly offline: boolean;
  readonly retryAfterMs: number;

  constructor(message: string, { offline = false, retryAfterMs = 0 } = {}) {
    super(message);
    this.name = 'Interrupted';
    this.offline = offline;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Asks, and follows redirects; never from https to http. Resolves with an answer of status 200, 206 or 416, whose body is
 * still to be read; the caller destroys it. Throws Interrupted, and MODEL_DOWNLOAD where another try is of no use.
 */
export async function ask(start: URL, options: AskOptions): Promise<WebAnswer> {
  let url = start;
  for (let redirects = 0; ; ) {
    const answer = await askOnce(url, options);
    const { status, headers, body } = answer;
    if (status === 200 || status === 206 || status === 416) return answer;
    body.destroy();
    if (status < 300 || status >= 400 || headers.location === undefined) throw refusal(answer);
    redirects += 1;
    if (redirects > REDIRECTS_MAX) throw final(url, `sends from address to address (limit ${REDIRECTS_MAX})`);
    url = redirected(url, headers.location);
  }
}

/** Of a body, read ahead of whoever takes its pieces. */
const AHEAD_BYTES_MAX = 1e6;

/** The pieces of an answer, every one that came, also before a break: `for await` would throw those away. */
class WebBody implements AsyncIterable<Buffer> {
  readonly #response: IncomingMessage;
  readonly #url: URL;
  readonly #watch: Timer;
  readonly #pieces: Buffer[] = [];
  #aheadBytes = 0;
  #isOver = false;
  #trouble: unknown;
  #wake: () => void = () => undefined;

  constructor(
    response: IncomingMessage,
    url: URL,
    { silenceMs, clock }: Pick<AskOptions, 'silenceMs' | 'clock'>,
  ) {
    this.#response = response;
    this.#url = url;
    let heardMonoMs = clock.monoMs();
    response.on('data', (piece: Buffer) => {
      heardMonoMs = clock.monoMs();
      this.#keep(piece);
    });
    response.on('error', (error) => {
      this.#trouble = error;
    });
    response.on('close', () => {
      this.#isOver = true;
      this.#watch.stop();
      this.#wake();
    });
    this.#watch = clock.every(Math.max(1, silenceMs / 8), () => {
      const isSilent = !response.isPaused() && clock.monoMs() - heardMonoMs > silenceMs;
      if (isSilent) response.destroy(new Interrupted(silent(url, silenceMs)));
    });
  }

  /** Throws Interrupted when it breaks off or stays silent for too long. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (!this.#isOver || this.#pieces.length > 0) {
      const piece = this.#pieces.shift();
      if (piece === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#aheadBytes -= piece.length;
      if (this.#aheadBytes === 0) this.#response.resume();
      yield piece;
    }
    if (this.#trouble !== undefined) throw troubleOf(this.#trouble, this.#url);
  }

  destroy(): void {
    this.#response.destroy();
  }

  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#aheadBytes += piece.length;
    if (this.#aheadBytes > AHEAD_BYTES_MAX) this.#response.pause();
    this.#wake();
  }
}

function askOnce(url: URL, { headers, silenceMs, clock, signal }: AskOptions): Promise<WebAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WebAnswer>();
  const isTls = url.protocol === 'https:';
  const agentOptions = { keepAlive: false, proxyEnv: process.env };
  const options = { headers, signal, maxHeaderSize: HEADER_BYTES_MAX };
  const request = isTls
    ? tlsRequest(url, { ...options, agent: new TlsAgent(agentOptions) })
    : plainRequest(url, { ...options, agent: new Agent(agentOptions) });
  const silence = clock.after(silenceMs, () => request.destroy(new Interrupted(silent(url, silenceMs))));
  request.on('error', (error) => reject(troubleOf(error, url)));
  request.on('response', (response) => {
    const { statusCode: status = 0, headers: said } = response;
    resolve({ status, headers: said, url, body: new WebBody(response, url, { silenceMs, clock }) });
  });
  request.end();
  return promise.finally(() => silence.stop());
}

function silent(url: URL, silenceMs: number): string {
  return `${url.host} is silent for ${silenceMs / 1000} s`;
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || !['http:', 'https:'].includes(to.protocol)) {
    throw final(from, `sends on to '${hideCredentials(location.slice(0, 200))}', which is no web address`);
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw final(
      from,
      `sends on from https to http (${to.host}), where anybody on the way could change the file`,
    );
  }
  return to;
}

/** Busy servers and those with a passing fault may be asked again. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);
const RETRY_AFTER_S_MAX = 120;

function refusal({ url, status, headers }: WebAnswer): Error {
  const words = `${url.host} answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
  if (PASSING.has(status)) {
    const waitS = Number(headers['retry-after'] ?? 0);
    const retryAfterMs = waitS > 0 && waitS <= RETRY_AFTER_S_MAX ? waitS * 1000 : 0;
    return new Interrupted(words, { retryAfterMs });
  }
  const advice = status === 404 || status === 410 ? ': there is no such file, look at the address again' : '';
  return new VedetteError('MODEL_DOWNLOAD', words + advice, { url: shown(url), status });
}

/** An address without what it may hold of secrets: user, password, query. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

function final(url: URL, what: string): VedetteError {
  return new VedetteError('MODEL_DOWNLOAD', `${url.host} ${what}`, { url: shown(url) });
}

const OFFLINE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known to any name server',
  EAI_AGAIN: 'no name server answers',
  ECONNREFUSED: 'the connection was refused',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no network',
  ENETDOWN: 'the network is down',
  EADDRNOTAVAIL: 'there is no network',
};

const CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has ended, or the board's clock is wrong (see: date)",
  CERT_NOT_YET_VALID: "its certificate has not begun: the board's clock is wrong (see: date)",
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by nobody this board trusts',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody this board trusts',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by nobody this board trusts',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by nobody this board trusts',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** What a failed request means, in words. */
function troubleOf(error: unknown, url: URL): Error {
  if (error instanceof Interrupted || error instanceof VedetteError) return error;
  if ((error as Error).name === 'AbortError') return error as Error;
  const code = codeIn(error);
  const proxy = proxyWords(url);
  const certificate = CERTIFICATE[code];
  if (certificate !== undefined) {
    return new VedetteError(
      'MODEL_DOWNLOAD',
      `${url.host}: ${certificate} (${code})`,
      { url: shown(url), code },
      error,
    );
  }
  const offline = OFFLINE[code];
  if (offline !== undefined) {
    return new Interrupted(`${url.host} cannot be reached${proxy}: ${offline} (${code})`, { offline: true });
  }
  if (code === 'ERR_PROXY_TUNNEL' || code === 'ERR_PROXY_INVALID_CONFIG') {
    const reason = hideCredentials(reasonOf(error));
    return new VedetteError(
      'MODEL_DOWNLOAD',
      `${url.host} cannot be reached${proxy}: ${reason}`,
      { code },
      error,
    );
  }
  return new Interrupted(`the connection to ${url.host} broke off${proxy} (${code || reasonOf(error)})`);
}

/** Several addresses were tried: the code of the first says it. */
function codeIn(error: unknown): string {
  const { code, errors } = error as { readonly code?: string; readonly errors?: readonly unknown[] };
  return code ?? (errors?.[0] === undefined ? '' : codeIn(errors[0]));
}

/** ' through the proxy …' where the environment names one. */
function proxyWords(url: URL): string {
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = process.env[name] ?? process.env[name.toUpperCase()];
  return proxy ? ` (proxy ${hideCredentials(proxy)} of ${name.toUpperCase()})` : '';
}
