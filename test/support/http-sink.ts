// An HTTP server of 127.0.0.1 that notes what it is sent and answers as told. Ends with the test.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { waitFor } from './wait.ts';

export interface SunkRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What it was answered. */
  readonly status: number;
}

export class HttpSink {
  readonly url: string;
  /** In the order in which they were whole. */
  readonly requests: SunkRequest[] = [];
  /** Asked for the status of every answer. */
  answer: (request: Omit<SunkRequest, 'status'>) => number = () => 200;

  private constructor(url: string) {
    this.url = url;
  }

  static async start(): Promise<HttpSink> {
    let sink: HttpSink | undefined;
    const server = createServer(async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(chunks) };
      const status = sink?.answer(request) ?? 503;
      sink?.requests.push({ ...request, status });
      response.writeHead(status).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    sink = new HttpSink(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return sink;
  }

  /** Those that were answered with success. */
  get taken(): SunkRequest[] {
    return this.requests.filter(({ status }) => status < 300);
  }

  async waitForTaken(count: number): Promise<SunkRequest[]> {
    await waitFor(`${count} requests`, () => this.taken.length >= count, 60_000);
    return this.taken;
  }
}
