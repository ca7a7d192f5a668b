// A stand-in for an inference server that speaks KServe v2, written from the protocol: one model whose outputs the test
// chooses, with or without the binary tensor data extension, with TLS or without, and every way in which such a server
// may fail. Ends with the test.
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { ModelSpec } from '../../daemon/core/types.ts';
import { tensorDims } from '../../daemon/detector/wire.ts';
import type { Certificate } from './certificates.ts';

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly datatype?: string;
}

/** What goes wrong: `hang` and `slow` answer never and after a second, the others at once. */
export type Fault =
  | 'hang'
  | 'slow'
  | 'drop'
  | 'drop-in-answer'
  | 'status-503'
  | 'redirect'
  | 'huge'
  | 'endless'
  | 'endless-error'
  | 'not-json'
  | 'not-http'
  | 'garbage-header'
  | 'wrong-shape'
  | 'huge-shape'
  | 'many-boxes'
  | 'wrong-type'
  | 'short'
  | 'not-numbers'
  | 'gzip';

export interface KserveOptions {
  readonly model: ModelSpec;
  readonly outputs: () => Readonly<Record<string, Tensor>>;
  readonly port?: number;
  readonly certificate?: Certificate;
  /** False: tensors in JSON only, as MLServer. */
  readonly binary?: boolean;
}

const SLOW_MS = 1000;
/** More than any answer may have, and few enough for a loopback. */
const MANY_BOXES = 20_000;

export class KserveServer {
  fault: Fault | undefined;
  ready = true;
  /** Changes what is said of the model. */
  metadata: (metadata: Record<string, unknown>) => unknown = (metadata) => metadata;
  /** Infer requests that came, and what the last one held. */
  inferences = 0;
  connections = 0;
  lastTensor: Uint8Array | undefined;
  readonly paths: string[] = [];
  authorization: string | undefined;
  readonly #options: KserveOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(options: KserveOptions) {
    this.#options = options;
    const serve = (request: IncomingMessage, response: ServerResponse) => void this.#serve(request, response);
    const { certificate } = options;
    this.#server =
      certificate === undefined
        ? createServer(serve)
        : createTlsServer(
            { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) },
            serve,
          );
    this.#server.on(certificate === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: KserveOptions): Promise<KserveServer> {
    const server = new KserveServer(options);
    await server.listen(options.port ?? 0);
    onTestFinished(() => server.kill());
    return server;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#options.certificate === undefined ? 'http' : 'https'}://127.0.0.1:${this.port}`;
  }

  /** Closes every connection that is kept open, as a server does with idle ones. */
  closeConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async kill(): Promise<void> {
    this.closeConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    } catch {
      return;
    }
    const path = request.url ?? '';
    this.paths.push(path);
    this.authorization = request.headers.authorization;
    const { model } = this.#options;
    const base = `/v2/models/${model.name}`;
    if (path === '/v2') return json(response, 200, this.#server_());
    if (path === `${base}/ready`) return json(response, this.ready ? 200 : 503, {});
    if (path === base) return json(response, 200, this.metadata(this.#metadata()));
    if (path === `${base}/infer`) return this.#infer(request, Buffer.concat(chunks), response);
    return json(response, 404, { error: `Request for unknown model: '${path}' is not found` });
  }

  #server_(): object {
    const extensions = this.#options.binary === false ? [] : ['binary_tensor_data'];
    return { name: 'stand-in', version: '1', extensions };
  }

  #metadata(): Record<string, unknown> {
    const { model, outputs } = this.#options;
    const { name, type } = model.input;
    return {
      name: model.name,
      versions: ['1'],
      platform: 'none',
      inputs: [{ name, datatype: type === 'uint8' ? 'UINT8' : 'FP32', shape: tensorDims(model.input) }],
      outputs: Object.entries(outputs()).map(([output, { shape }]) => ({
        name: output,
        datatype: 'FP32',
        shape: shape.map((size, i) => (i === 1 ? -1 : size)),
      })),
    };
  }

  #infer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    this.inferences += 1;
    const length = request.headers['inference-header-content-length'];
    const head = JSON.parse(body.subarray(0, length === undefined ? body.length : Number(length)).toString());
    const [input] = head.inputs as [{ data?: number[] }];
    this.lastTensor =
      length === undefined ? Uint8Array.from(input.data ?? []) : body.subarray(Number(length));
    const answer = () => this.#answer(response, length !== undefined);
    if (this.fault === 'hang') return;
    if (this.fault === 'slow') setTimeout(answer, SLOW_MS);
    else if (this.fault === 'drop') request.socket.destroy();
    else if (this.fault === 'not-http') request.socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    else if (this.fault === 'status-503') json(response, 503, { error: 'overloaded\n\u001b[31m' });
    else if (this.fault === 'redirect')
      response.writeHead(307, { location: `${this.url}${request.url}` }).end();
    else if (this.fault === 'huge')
      response.writeHead(200, { 'content-length': String(2 ** 32) }).flushHeaders();
    else if (this.fault === 'endless' || this.fault === 'endless-error') this.#pour(response);
    else if (this.fault === 'not-json') response.end('<html>hello</html>');
    else if (this.fault === 'gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
    else answer();
  }

  /** As much as the other side takes. */
  #pour(response: ServerResponse): void {
    response.writeHead(this.fault === 'endless' ? 200 : 500);
    const block = Buffer.alloc(65_536, 'x');
    const more = (): void => {
      while (!response.destroyed && response.write(block));
    };
    response.on('drain', more);
    more();
  }

  #answer(response: ServerResponse, binary: boolean): void {
    const tensors = Object.entries(this.#options.outputs()).map(([name, tensor]) =>
      this.#spoil(name, tensor),
    );
    const outputs = tensors.map(({ name, datatype, shape, bytes }) => ({
      name,
      datatype,
      shape,
      ...(binary
        ? { parameters: { binary_data_size: bytes.length } }
        : { data: [...new Float32Array(Uint8Array.from(bytes).buffer)] }),
    }));
    const head = Buffer.from(
      JSON.stringify({ model_name: this.#options.model.name, model_version: '1', outputs }),
    );
    if (!binary) return void response.writeHead(200, { 'content-type': 'application/json' }).end(head);
    const body = Buffer.concat([head, ...tensors.map(({ bytes }) => bytes)]);
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': String(body.length),
      'inference-header-content-length': this.fault === 'garbage-header' ? '12; DROP' : String(head.length),
    });
    if (this.fault === 'drop-in-answer') {
      response.write(body.subarray(0, body.length - 100), () => response.socket?.destroy());
      return;
    }
    response.end(body);
  }

  #spoil(name: string, { shape, data, datatype = 'FP32' }: Tensor) {
    const bytes = Buffer.from(Float32Array.from(data).buffer);
    const spoilt = { name, datatype, shape, bytes };
    if (this.fault === 'wrong-type') return { ...spoilt, datatype: 'FP16' };
    if (this.fault === 'wrong-shape') return { ...spoilt, shape: [1, ...shape] };
    if (this.fault === 'huge-shape')
      return { ...spoilt, shape: shape.map((size, i) => (i === 1 ? 1e9 : size)) };
    if (this.fault === 'many-boxes') {
      const many = shape.map((size, i) => (i === 1 ? MANY_BOXES : size));
      const values = new Float32Array(many.reduce((product, size) => product * size, 1)).fill(1);
      return { ...spoilt, shape: many, bytes: Buffer.from(values.buffer) };
    }
    if (this.fault === 'short') return { ...spoilt, bytes: bytes.subarray(0, bytes.length - 4) };
    if (this.fault === 'not-numbers') bytes.writeFloatLE(Number.NaN, 8);
    return spoilt;
  }
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
