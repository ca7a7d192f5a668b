// The way to an inference server: one HTTP request at a time over one kept connection. Certificates are verified,
// redirects are not followed, every wait and every size has a limit, and a request that a closed connection swallowed is
// sent once more. Knows nothing of tensors. Runs in the detector process.
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as plainRequest,
  STATUS_CODES,
} from 'node:http';
import { Agent as HttpsAgent, request as tlsRequest } from 'node:https';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, type VedetteError } from '../platform/errors.ts';
import { showText } from '../platform/show.ts';
import { parseJson, remoteProblem } from './kserve.ts';

/** Of one answer: the outputs of a YOLO at 640 with 80 classes have 2.8 MB. */
export const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
/** Of an answer that describes a server or a model, or an error. */
export const WORDS_BYTES_MAX = 256 * 1024;
const HEADER_BYTES_MAX = 16_384;
const ERROR_TEXT_MAX = 200;
const BUFFER_BYTES_START = 128 * 1024;

export interface RemoteLinkOptions {
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: string | undefined;
  /** PEM of the authorities to believe instead of the public ones. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
}

export interface LinkRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other. Must not change before the answer. */
  readonly body?: readonly Uint8Array[];
  readonly answerBytesMax: number;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
}

export interface LinkAnswer {
  readonly headers: IncomingMessage['headers'];
  /** Valid until the next request. */
  readonly body: Uint8Array;
}

export class RemoteLink {
  readonly #options: RemoteLinkOptions;
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;
  #buffer: Buffer = Buffer.alloc(0);
  #closed = false;
  #inFlight: ClientRequest | undefined;

  constructor(options: RemoteLinkOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
    const kept = { keepAlive: true, maxSockets: 1, maxFreeSockets: 1 };
    this.#agent =
      this.#url.protocol === 'https:'
        ? new HttpsAgent({
            ...kept,
            ...(options.ca === undefined ? {} : { ca: options.ca }),
            rejectUnauthorized: true,
          })
        : new HttpAgent(kept);
  }

  /** Asks once. Throws DETECTOR_REMOTE unless a whole answer of status 200 comes in time. */
  async ask(request: LinkRequest): Promise<LinkAnswer> {
    const { clock } = this.#options;
    const untilMonoMs = clock.monoMs() + request.timeoutMs;
    let again = false;
    for (;;) {
      const timeoutMs = untilMonoMs - clock.monoMs();
      const exchange = this.#begin(request, timeoutMs);
      try {
        return await exchange.answer;
      } catch (error) {
        // The server had closed the kept connection before it saw this request (Node's documentation of http, reusedSocket).
        const swallowed = exchange.sent.reusedSocket && !exchange.answered() && isReset(error);
        if (!swallowed || again || this.#closed) throw this.#asProblem(error, request.timeoutMs);
        again = true;
      }
    }
  }

  /** Breaks off what is asked now and closes the connection. */
  close(): void {
    this.#closed = true;
    this.#inFlight?.destroy(remoteProblem('was not waited for'));
    this.#agent.destroy();
  }

  #begin(request: LinkRequest, timeoutMs: number) {
    const { promise, resolve, reject } = Promise.withResolvers<LinkAnswer>();
    let answered = false;
    const sent = this.#send(request, (response) => {
      answered = true;
      this.#receive(response, request).then(resolve, (error: unknown) => {
        // Whatever else it sends is not wanted: the connection is not kept.
        sent.destroy();
        reject(error);
      });
    });
    this.#inFlight = sent;
    const late = this.#options.clock.after(Math.max(0, timeoutMs), () => sent.destroy(new LateError()));
    sent.once('error', reject);
    // Also when it is destroyed without an error.
    sent.once('close', () => {
      late.stop();
      if (this.#inFlight === sent) this.#inFlight = undefined;
      if (!answered) reject(new Error('closed the connection without an answer'));
    });
    return { answer: promise, sent, answered: () => answered };
  }

  #send(request: LinkRequest, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const { token } = this.#options;
    const { method, path, body = [] } = request;
    const bytes = body.reduce((sum, part) => sum + part.length, 0);
    const options = {
      method,
      path,
      agent: this.#agent,
      maxHeaderSize: HEADER_BYTES_MAX,
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        ...request.headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(method === 'POST' ? { 'content-length': String(bytes) } : {}),
      },
    };
    const ask = this.#url.protocol === 'https:' ? tlsRequest : plainRequest;
    const sent = ask(new URL(this.#url.origin), options, onResponse);
    for (const part of body) sent.write(part);
    sent.end();
    return sent;
  }

  async #receive(response: IncomingMessage, { answerBytesMax }: LinkRequest): Promise<LinkAnswer> {
    const { statusCode: status = 0, headers } = response;
    if (status >= 300 && status < 400) {
      response.destroy();
      throw remoteProblem(
        `answered ${statusOf(status)}: redirects are refused, picture data goes to the url only`,
      );
    }
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      response.destroy();
      throw remoteProblem(`sent an answer in content encoding ${showText(encoding)} that nobody asked for`);
    }
    const body = await this.#collect(response, status === 200 ? answerBytesMax : WORDS_BYTES_MAX);
    if (status !== 200) throw remoteProblem(`answered ${statusOf(status)}${errorText(body)}`);
    return { headers, body };
  }

  async #collect(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
    const declared = Number(response.headers['content-length'] ?? 0);
    let filled = 0;
    const tooLarge = (bytes: number): VedetteError => {
      response.destroy();
      return remoteProblem(
        `sent an answer of ${bytes > declared ? 'more than ' : ''}${Math.max(bytesMax, declared)} bytes (limit ${bytesMax})`,
      );
    };
    if (declared > bytesMax) throw tooLarge(declared);
    this.#reserve(declared, 0);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (filled + chunk.length > bytesMax) throw tooLarge(filled + chunk.length);
      this.#reserve(filled + chunk.length, filled);
      filled += chunk.copy(this.#buffer, filled);
    }
    return this.#buffer.subarray(0, filled);
  }

  /** Makes room for so many bytes; the first `kept` stay. */
  #reserve(bytes: number, kept: number): void {
    if (bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(
      Math.max(BUFFER_BYTES_START, bytes, Math.min(2 * this.#buffer.length, ANSWER_BYTES_MAX)),
    );
    this.#buffer.copy(larger, 0, 0, kept);
    this.#buffer = larger;
  }

  #asProblem(error: unknown, timeoutMs: number): VedetteError {
    if (error instanceof LateError) return remoteProblem(`gave no answer within ${Math.round(timeoutMs)} ms`);
    const { code } = error as { readonly code?: string };
    if (code === 'DETECTOR_REMOTE') return error as VedetteError;
    if (code !== undefined && /CERT|SIGNATURE|ALTNAME|^ERR_TLS|^CRL_|ISSUER/.test(code)) {
      return remoteProblem(
        `has a certificate that is not accepted (${code}): see detector.remote.caFile`,
        error,
      );
    }
    if (code?.startsWith('HPE_')) return remoteProblem(`sent something that is not HTTP (${code})`, error);
    if (code === 'ECONNREFUSED') return remoteProblem('refuses the connection', error);
    return remoteProblem(`cannot be asked: ${code ?? reasonOf(error)}`, error);
  }
}

class LateError extends Error {}

function isReset(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function statusOf(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
}

/** What the server says of an error of its own, if it says it as the protocol wants. */
function errorText(body: Uint8Array): string {
  try {
    const { error } = parseJson(body) as { readonly error?: unknown };
    return typeof error === 'string' ? `: ${showText(error, ERROR_TEXT_MAX)}` : '';
  } catch {
    return '';
  }
}
