// A camera behind HTTP: asks for its address, logs in, follows redirects, and hands out the answer's body. Every wait and
// every size has a limit. Nothing it says holds user, password or query. Camera worker thread.
import { type IncomingMessage, request as plainRequest, STATUS_CODES } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { SourceOf } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import { type ErrorCode, reasonOf, VedetteError } from '../platform/errors.ts';
import { authorization, type Challenge, challengeOf } from './http-login.ts';
import { PICTURE_BYTES_MAX } from './image-feed.ts';

const REDIRECTS_MAX = 3;
const HEADER_BYTES_MAX = 16_384;

export type HttpCameraOptions = Pick<
  SourceOf<'http'>,
  'url' | 'user' | 'password' | 'insecure' | 'timeoutMs'
>;

export class HttpCamera {
  readonly #options: HttpCameraOptions;
  readonly #clock: Clock;
  readonly #origin: string;
  /** Kept, so that not every picture is asked for twice. */
  #challenge: Challenge | undefined;
  #answered = 0;

  constructor(options: HttpCameraOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#origin = new URL(options.url).origin;
  }

  /**
   * Asks once. Resolves with an answer of status 200 whose body is still to come, at most `timeoutMs` between two of its
   * bytes. Throws CAMERA_UNREACHABLE and CAMERA_REFUSED.
   */
  async open(signal: AbortSignal): Promise<IncomingMessage> {
    let url = new URL(this.#options.url);
    let login = this.#challenge !== undefined;
    for (let redirects = 0, logins = 0; ; ) {
      const response = await this.#ask(url, login && url.origin === this.#origin, signal);
      const { statusCode: status = 0, headers } = response;
      if (status === 200) return response;
      response.destroy();
      if (status === 401) {
        // Twice: the nonce that was kept may be too old.
        if (logins === 2 || (logins === 1 && !this.#isStale(response))) {
          throw this.#error('CAMERA_REFUSED', url, 'does not accept user and password (401)');
        }
        this.#takeChallenge(response, url);
        login = true;
        logins += 1;
      } else if (status >= 300 && status < 400 && headers.location !== undefined) {
        redirects += 1;
        if (redirects > REDIRECTS_MAX) {
          throw this.#error('CAMERA_REFUSED', url, `sends from address to address (limit ${REDIRECTS_MAX})`);
        }
        url = this.#redirected(url, headers.location);
      } else {
        throw this.#error(
          'CAMERA_REFUSED',
          url,
          `answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd(),
        );
      }
    }
  }

  /** The whole body of an answer, which must be a JPEG; within `timeoutMs`. */
  async picture(response: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const { timeoutMs } = this.#options;
    const late = this.#clock.after(timeoutMs, () => {
      response.destroy(
        this.#error('CAMERA_UNREACHABLE', undefined, `needs more than ${timeoutMs} ms for a picture`),
      );
    });
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > PICTURE_BYTES_MAX) {
          throw this.#error(
            'CAMERA_REFUSED',
            undefined,
            `sent a picture of more than ${PICTURE_BYTES_MAX} bytes`,
          );
        }
        chunks.push(chunk);
      }
    } catch (error) {
      throw this.asError(error);
    } finally {
      late.stop();
    }
    const picture = Buffer.concat(chunks);
    if (picture[0] === 0xff && picture[1] === 0xd8) return picture;
    throw this.#error('CAMERA_REFUSED', undefined, `sent ${bytes} bytes that are not a JPEG`);
  }

  /** What went wrong, as an error that names the camera and may be shown. */
  asError(error: unknown): VedetteError {
    if (error instanceof VedetteError) return error;
    return this.#error('CAMERA_UNREACHABLE', undefined, `broke off (${codeOf(error)})`);
  }

  /** An error that names the camera. */
  refused(what: string): VedetteError {
    return this.#error('CAMERA_REFUSED', undefined, what);
  }

  /** The same for a camera that is not there, or no longer. */
  unreachable(what: string): VedetteError {
    return this.#error('CAMERA_UNREACHABLE', undefined, what);
  }

  async #ask(url: URL, login: boolean, signal: AbortSignal): Promise<IncomingMessage> {
    const { timeoutMs, insecure } = this.#options;
    const headers: Record<string, string> = { accept: 'multipart/x-mixed-replace, image/jpeg, */*;q=0.1' };
    if (login) Object.assign(headers, this.#authorization(url));
    const send = url.protocol === 'https:' ? tlsRequest : plainRequest;
    const limits = { agent: false, timeout: timeoutMs, maxHeaderSize: HEADER_BYTES_MAX, signal } as const;
    // Lines that end in LF alone, a length beside chunks: cameras send it. There is one request to a connection, so that
    // nothing can be smuggled into the next.
    const lax = { insecureHTTPParser: true, rejectUnauthorized: !insecure };
    return new Promise((resolve, reject) => {
      const request = send(url, { ...limits, ...lax, headers });
      const fail = (error: unknown): void => {
        const what =
          error instanceof VedetteError ? error : this.#error('CAMERA_UNREACHABLE', url, codeOf(error));
        reject(what);
      };
      let response: IncomingMessage | undefined;
      request.on('timeout', () => {
        (response ?? request).destroy(
          this.#error('CAMERA_UNREACHABLE', url, `sent nothing for ${timeoutMs} ms`),
        );
      });
      // Also after the answer has begun: the reader of the body is told by its own error.
      request.on('error', fail);
      request.on('response', (message) => {
        response = message;
        resolve(message);
      });
      request.end();
    });
  }

  #authorization(url: URL): { authorization: string } | object {
    const { user, password = '' } = this.#options;
    if (this.#challenge === undefined || user === undefined) return {};
    this.#answered += 1;
    const request = { method: 'GET', uri: `${url.pathname}${url.search}`, count: this.#answered };
    return { authorization: authorization(this.#challenge, { user, password }, request) };
  }

  #takeChallenge(response: IncomingMessage, url: URL): void {
    if (this.#options.user === undefined || url.origin !== this.#origin) {
      throw this.#error('CAMERA_REFUSED', url, 'wants a user and password (401)');
    }
    this.#challenge = challengeOf(response.headersDistinct['www-authenticate'] ?? []);
    this.#answered = 0;
    if (this.#challenge === undefined) {
      throw this.#error('CAMERA_REFUSED', url, 'wants a login that is neither Basic nor Digest (401)');
    }
  }

  #isStale(response: IncomingMessage): boolean {
    const challenge = challengeOf(response.headersDistinct['www-authenticate'] ?? []);
    return challenge?.params['stale']?.toLowerCase() === 'true';
  }

  #redirected(from: URL, location: string): URL {
    const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
    if (to === undefined || !['http:', 'https:'].includes(to.protocol)) {
      throw this.#error('CAMERA_REFUSED', from, 'sends to an address that is not http');
    }
    return to;
  }

  #error(code: ErrorCode, url: URL | undefined, what: string): VedetteError {
    const { origin, pathname } = url ?? new URL(this.#options.url);
    return new VedetteError(code, `${origin}${pathname}: the camera ${what}`);
  }
}

/** Short and without an address, which Node puts into its messages. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (code === 'ECONNREFUSED') return 'refuses the connection (is it on, is the port right)';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'has a name that cannot be resolved';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'cannot be reached';
  if (typeof code === 'string' && /CERT|SELF_SIGNED|ALTNAME|ISSUER/.test(code)) {
    return `has a certificate that cannot be trusted (${code}; see source.insecure)`;
  }
  if (code === 'HPE_HEADER_OVERFLOW') return `sends headers of more than ${HEADER_BYTES_MAX} bytes`;
  if (typeof code === 'string' && code.startsWith('HPE_')) {
    return `answers with headers that are not HTTP (${code})`;
  }
  return typeof code === 'string' ? `failed with ${code}` : `failed (${reasonOf(error)})`;
}
