// A web server that gives one file out, well or badly, by the path asked for.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface FileServerOptions {
  readonly content: Buffer;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface FileServer {
  readonly url: (path: string) => URL;
  /** 'GET /file bytes=5-' for every request. */
  readonly requests: readonly string[];
  /** Its file and the tag of it may change meanwhile. */
  content: Buffer;
  etag: string | undefined;
  /** Of `/held`: lets the rest go. */
  release(): void;
  stop(): Promise<void>;
}

// A proxy of whoever runs the tests is not for servers on this machine.
for (const name of ['http_proxy', 'https_proxy', 'no_proxy']) {
  delete process.env[name];
  delete process.env[name.toUpperCase()];
}

/** Pieces in which the server breaks off. */
const BREAKS = 4;

export async function fileServer({ content, tls }: FileServerOptions): Promise<FileServer> {
  const requests: string[] = [];
  const held = Promise.withResolvers<void>();
  const state = { content, etag: '"one"' as string | undefined };
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    const { range, 'if-range': ifRange } = request.headers;
    requests.push(
      [request.method, request.url, range, ifRange].filter((part) => part !== undefined).join(' '),
    );
    response.on('error', () => undefined);
    // As a proxy it is asked for whole addresses.
    const { pathname } = new URL(request.url ?? '', 'http://here');
    const behaviour = BEHAVIOURS[pathname.slice(1).replace(/\.onnx$/, '')];
    if (behaviour === undefined) response.writeHead(404).end('no such file');
    else behaviour(new Exchange(request, response, state, requests.length), held.promise);
  };
  const server = tls === undefined ? createServer(handler) : createTlsServer(tls, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(stop);
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: (path: string) => new URL(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/${path}`),
    requests,
    release: () => held.resolve(),
    stop,
  });
}

/** One request and what is wanted of it. */
class Exchange {
  readonly response: ServerResponse;
  readonly #state: { content: Buffer; etag: string | undefined };
  readonly #from: number;
  readonly #count: number;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    state: { content: Buffer; etag: string | undefined },
    count: number,
  ) {
    const { range = '', 'if-range': ifRange } = request.headers;
    this.response = response;
    this.#state = state;
    this.#count = count;
    const isSame = ifRange === undefined || ifRange === state.etag;
    this.#from = isSame ? Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0) : 0;
  }

  /** Requests so far. */
  get count(): number {
    return this.#count;
  }

  /** The headers; returns what is to be sent. */
  begin(changes: Record<string, string | undefined> = {}): Buffer {
    const { content, etag } = this.#state;
    const from = this.#from;
    if (from >= content.length && from > 0) {
      this.response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return Buffer.alloc(0);
    }
    const headers = {
      'content-length': String(content.length - from),
      ...(etag === undefined ? {} : { etag }),
      ...(from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {}),
      ...changes,
    };
    const said = Object.entries(headers).filter(([, value]) => value !== undefined);
    this.response.writeHead(from > 0 ? 206 : 200, Object.fromEntries(said) as Record<string, string>);
    return content.subarray(from);
  }

  whole(changes: Record<string, string | undefined> = {}): void {
    const body = this.begin(changes);
    if (!this.response.writableEnded) this.response.end(body);
  }

  /** As if there were no ranges. */
  withoutRanges(): void {
    this.response.writeHead(200, { 'content-length': String(this.#state.content.length) });
    this.response.end(this.#state.content);
  }

  /** Sends this part of the file and breaks the connection. */
  part(share: number): void {
    const body = this.begin();
    const bytes = Math.ceil(this.#state.content.length * share);
    if (this.response.writableEnded) return;
    if (body.length <= bytes) this.response.end(body);
    else this.response.write(body.subarray(0, bytes), () => this.response.destroy());
  }

  /** Sends half and then nothing until released. */
  half(released: Promise<void>): void {
    const body = this.begin();
    if (this.response.writableEnded) return;
    this.response.write(body.subarray(0, body.length >> 1));
    void released.then(() => this.response.end(body.subarray(body.length >> 1)));
  }

  redirect(location: string): void {
    this.response.writeHead(302, { location }).end();
  }
}

const BEHAVIOURS: Readonly<Record<string, (exchange: Exchange, released: Promise<void>) => void>> = {
  file: (exchange) => exchange.whole(),
  'without-size': (exchange) => exchange.whole({ 'content-length': undefined }),
  'without-ranges': (exchange) =>
    exchange.count === 1 ? exchange.part(1 / BREAKS) : exchange.withoutRanges(),
  broken: (exchange) => exchange.part(1 / BREAKS),
  'always-broken': (exchange) => exchange.part(0),
  held: (exchange, released) => exchange.half(released),
  silent: (exchange) => exchange.begin() && exchange.response.flushHeaders(),
  mute: () => undefined,
  packed: (exchange) => exchange.whole({ 'content-encoding': 'gzip' }),
  page: (exchange) => exchange.whole({ 'content-type': 'text/html; charset=utf-8' }),
  wrong_range: (exchange) =>
    exchange.count === 1 ? exchange.part(1 / BREAKS) : exchange.whole({ 'content-range': 'bytes 7-9/10' }),
  unwilling: (exchange) => {
    if (exchange.count <= 2) exchange.response.writeHead(503, { 'retry-after': '1' }).end();
    else exchange.whole();
  },
  closed: (exchange) => exchange.response.writeHead(403).end(),
  moved: (exchange) => exchange.redirect('/file'),
  loop: (exchange) => exchange.redirect('/loop'),
  'to-file': (exchange) => exchange.redirect('file:///etc/passwd'),
  'to-http': (exchange) => exchange.redirect('http://127.0.0.1:1/file'),
};
