// From a complete frame to the broker's acknowledgement of the alert it caused, on this disk: a real Mosquitto where it is
// installed, else the embedded broker. A relay between daemon and broker notes when each PUBACK passes; what it adds
// itself is in the figure.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../daemon/platform/clock.ts';
import { percentile } from '../../daemon/platform/percentiles.ts';
import { EmbeddedBroker } from '../../daemon/publish/embedded-broker.ts';
import { busyScene } from '../support/configurations.ts';
import { memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { programPath } from '../support/needs.ts';
import { portOf } from '../support/tcp.ts';
import { startDaemon, stopDaemon } from './daemon.ts';
import type { BenchLine } from './figures.ts';

const ALERTS = 100;
const LIMIT_MS = 180_000;
const PUBLISH = 3;
const PUBACK = 4;

interface Broker {
  readonly name: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Row 3 of the figures to reach, to the letter. */
export async function benchAcknowledged(): Promise<BenchLine[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vedette-bench-'));
  const broker = await startBroker(folder);
  const delaysMs: number[] = [];
  const relay = await startRelay(broker.port, (ms) => delaysMs.push(ms));
  try {
    const url = `mqtt://127.0.0.1:${portOf(relay)}`;
    const daemon = await startDaemon(folder, { mqtt: { url, drainDelayS: 0 }, ...busyScene() });
    await daemon.client.subscribeAsync('vedette/+/alert', { qos: 1 });
    const endMs = systemClock.monoMs() + LIMIT_MS;
    while (delaysMs.length < ALERTS && systemClock.monoMs() < endMs) await systemClock.sleep(200);
    await stopDaemon(daemon);
  } finally {
    relay.close();
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const [p50, p99] = [percentile(delaysMs, 0.5), percentile(delaysMs, 0.99)];
  return [
    {
      what: `frame complete → alert acknowledged by ${broker.name}, less inference, FULL sync on this disk (${delaysMs.length} alerts)`,
      value: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
      target: 'p99 <= 60 ms',
    },
  ];
}

async function startBroker(folder: string): Promise<Broker> {
  if (programPath('mosquitto') !== undefined) {
    const broker = await Mosquitto.in(folder);
    await broker.restart();
    return { name: 'Mosquitto', port: broker.port, stop: () => broker.stop() };
  }
  const { logger } = memoryLogger();
  const broker = new EmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    nextFreePort: false,
    logger,
    clock: systemClock,
  });
  await broker.start();
  return { name: 'the embedded broker', port: Number(new URL(broker.url).port), stop: () => broker.stop() };
}

/** Passes everything on; tells for each alert how long after its frame, less the inference, it was acknowledged. */
async function startRelay(port: number, onAcknowledged: (ms: number) => void): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    /** When the frame of the alert was complete, and its inference over, by packet identifier. */
    const sent = new Map<number, number>();
    follow(client, (packet) => {
      const alert = alertIn(packet);
      if (alert !== undefined) sent.set(alert.packetId, alert.startMs);
    });
    follow(upstream, (packet) => {
      if (packet.readUInt8(0) >> 4 !== PUBACK) return;
      const startMs = sent.get(packet.readUInt16BE(2));
      if (startMs !== undefined) onAcknowledged(systemClock.nowMs() - startMs);
      sent.delete(packet.readUInt16BE(2));
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Calls back with every whole MQTT packet of a stream (fixed header, MQTT 3.1.1, 2.2). */
function follow(socket: Socket, onPacket: (packet: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const { value, bytes } = variableInteger(rest, 1);
      if (bytes === 0 || rest.length < 1 + bytes + value) return;
      onPacket(rest.subarray(0, 1 + bytes + value));
      rest = rest.subarray(1 + bytes + value);
    }
  });
}

/** `bytes` is 0 while it is not complete. */
function variableInteger(buffer: Buffer, offset: number): { value: number; bytes: number } {
  let value = 0;
  for (let at = 0; at < 4 && offset + at < buffer.length; at += 1) {
    const byte = buffer.readUInt8(offset + at);
    value += (byte & 0x7f) * 128 ** at;
    if ((byte & 0x80) === 0) return { value, bytes: at + 1 };
  }
  return { value: 0, bytes: 0 };
}

/** Of an alert fresh from its frame; undefined for any other packet. */
function alertIn(packet: Buffer): { packetId: number; startMs: number } | undefined {
  if (packet.readUInt8(0) >> 4 !== PUBLISH) return undefined;
  const at = 1 + variableInteger(packet, 1).bytes;
  const topicEnd = at + 2 + packet.readUInt16BE(at);
  if (
    !packet
      .subarray(at + 2, topicEnd)
      .toString()
      .endsWith('/alert')
  )
    return undefined;
  // Whatever properties MQTT 5 puts in between: the payload is the JSON object at the end.
  const text = packet.subarray(packet.indexOf('{"v":', topicEnd)).toString();
  const { atMs, latency, late } = JSON.parse(text) as {
    atMs: number;
    late: boolean;
    latency: { inferMs: number };
  };
  return late ? undefined : { packetId: packet.readUInt16BE(topicEnd), startMs: atMs + latency.inferMs };
}
