// A web server that behaves like a network camera, well or badly, by the path asked for.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createRawServer } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';

export interface HttpCameraServerOptions {
  /** What it sends. */
  readonly jpeg: Buffer;
  readonly login?: {
    readonly method: 'basic' | 'digest';
    readonly user: string;
    readonly password: string;
    readonly realm?: string;
  };
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface HttpCameraServer {
  readonly url: string;
  /** Lines of the requests, e.g. 'GET /snapshot'. */
  readonly requests: readonly string[];
  /** Requests that were answered 401. */
  readonly refused: () => number;
}

const REALM = 'camera';

export async function httpCameraServer(options: HttpCameraServerOptions): Promise<HttpCameraServer> {
  const requests: string[] = [];
  let refused = 0;
  const nonces = new Map<string, number>();
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(`${request.method} ${request.url}`);
    response.on('error', () => undefined);
    if (options.login === undefined || isAllowed(request, options.login, nonces)) {
      void answer(request.url ?? '', response, options.jpeg);
      return;
    }
    refused += 1;
    const nonce = `n${refused}`;
    nonces.set(nonce, 0);
    const realm = byteString(options.login.realm ?? REALM);
    const digest = `Digest realm="${realm}", qop="auth,auth-int", nonce="${nonce}", opaque="o\\"p", algorithm=MD5`;
    const basic = `Basic realm="${realm}", charset="UTF-8"`;
    response.setHeader('www-authenticate', options.login.method === 'digest' ? [basic, digest] : [basic]);
    response.writeHead(401).end('no');
  };
  const server = options.tls === undefined ? createServer(handler) : createTlsServer(options.tls, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const scheme = options.tls === undefined ? 'http' : 'https';
  return { url: `${scheme}://127.0.0.1:${port}`, requests, refused: () => refused };
}

/** Answers every request with just these bytes and hangs up; resolves with its address. */
export async function rawHttpServer(answer: readonly (string | Buffer)[]): Promise<string> {
  const server = createRawServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(Buffer.concat(answer.map((part) => Buffer.from(part)))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/raw`;
}

async function answer(url: string, response: ServerResponse, jpeg: Buffer): Promise<void> {
  const path = url.split('?')[0];
  const picture = { 'content-type': 'image/jpeg' };
  if (path === '/snapshot') response.writeHead(200, picture).end(jpeg);
  else if (path === '/stream') await stream(response, jpeg, Number.POSITIVE_INFINITY);
  else if (path === '/stream-of-three') await stream(response, jpeg, 3);
  else if (path === '/one-and-no-more') {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=x' }).write(jpeg);
  } else if (path === '/moved') response.writeHead(302, { location: '/snapshot' }).end();
  else if (path === '/loop') response.writeHead(302, { location: '/loop' }).end();
  else if (path === '/elsewhere') response.writeHead(302, { location: 'file:///etc/passwd' }).end();
  else if (path === '/page') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
  else if (path === '/not-a-jpeg') response.writeHead(200, picture).end('GIF89a and so on');
  else if (path === '/silent') response.writeHead(200, picture).flushHeaders();
  else if (path === '/endless') await flood(response.writeHead(200, picture), Buffer.alloc(65_536, 1));
  else if (path === '/endless-stream') {
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=x' });
    await flood(response, Buffer.alloc(65_536, 1));
  } else if (path === '/drip') {
    response.writeHead(200, picture);
    for (let at = 0; !response.destroyed; at += 1) {
      response.write(jpeg.subarray(at, at + 1));
      await systemClock.sleep(50);
    }
  } else response.writeHead(404).end();
}

/** As cheap cameras do it: a boundary that is not the announced one, no lengths. */
async function stream(response: ServerResponse, jpeg: Buffer, count: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace;boundary=announced' });
  for (let sent = 0; sent < count && !response.destroyed; sent += 1) {
    response.write('--other\r\nContent-Type: image/jpeg\r\n\r\n');
    // In two pieces, so that a picture never comes with one chunk.
    response.write(jpeg.subarray(0, jpeg.length >> 1));
    await systemClock.sleep(10);
    response.write(jpeg.subarray(jpeg.length >> 1));
    await systemClock.sleep(20);
  }
  response.end();
}

async function flood(response: ServerResponse, chunk: Buffer): Promise<void> {
  while (!response.destroyed) {
    if (!response.write(chunk)) await systemClock.sleep(1);
  }
}

/** Text as Node has it in headers: a character for each byte of its UTF-8. */
function byteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** RFC 7616 with MD5, RFC 7617. A nonce is good for growing counts, 30 times. */
function isAllowed(
  { method, headers, url }: IncomingMessage,
  login: NonNullable<HttpCameraServerOptions['login']>,
  nonces: Map<string, number>,
): boolean {
  const given = headers.authorization ?? '';
  if (login.method === 'basic') {
    return given === `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`;
  }
  const field = (name: string): string =>
    new RegExp(`[ ,]${name}="?((?:\\\\.|[^",\\\\])*)`).exec(given)?.[1]?.replace(/\\(.)/g, '$1') ?? '';
  const count = Number.parseInt(field('nc'), 16);
  const last = nonces.get(field('nonce'));
  if (last === undefined || !(count > last) || count > 30 || field('uri') !== url) return false;
  if (field('opaque') !== 'o"p' || field('username') !== byteString(login.user)) return false;
  nonces.set(field('nonce'), count);
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const secret = md5(`${login.user}:${login.realm ?? REALM}:${login.password}`);
  const what = md5(`${method}:${url}`);
  return (
    field('response') === md5(`${secret}:${field('nonce')}:${field('nc')}:${field('cnonce')}:auth:${what}`)
  );
}
