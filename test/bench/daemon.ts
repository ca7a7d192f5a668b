// The daemon as a child process for benchmarks, with an embedded broker of its own that tells its health every second.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { stringify } from 'yaml';
import { systemClock } from '../../daemon/platform/clock.ts';
import type { HealthReport } from '../../daemon/publish/health-message.ts';
import { ROOT } from '../support/needs.ts';

export const MAIN = join(ROOT, 'daemon/main.ts');
/** As systemd/vedette.service starts it; from the second start on with compiled code. */
const SERVICE_FLAGS = ['--max-semi-space-size=1'];
export const COMPILE_CACHE = join(tmpdir(), 'vedette-bench-compiled');

export interface Daemon {
  readonly process: ChildProcess;
  readonly client: MqttClient;
  readonly startedMs: number;
}

/** A fresh folder in memory, where there is such a place: the disk is not what is measured. */
export function benchFolder(): string {
  return mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'vedette-bench-'));
}

export async function startDaemon(folder: string, document: object): Promise<Daemon> {
  const config = join(folder, 'vedette.yaml');
  const embedded = { enabled: true, port: 0 };
  writeFileSync(
    config,
    stringify({ log: { format: 'json' }, mqtt: { embedded, healthS: 1, drainDelayS: 0 }, ...document }),
  );
  const startedMs = systemClock.monoMs();
  const args = [...SERVICE_FLAGS, MAIN, 'run', '--config', config, '--data', join(folder, 'data')];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the daemon exited with ${code}: ${log}`)));
    child.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-100_000);
      const found = /"broker":"(mqtt:[^"]+)"/.exec(log)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return { process: child, client: await connectAsync(url), startedMs };
}

/** Of its detector; undefined where there is none. Camera programs are children of their worker's thread. */
export function detectorPid({ process: { pid } }: Daemon): number | undefined {
  const [detector] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  return detector === undefined ? undefined : Number(detector);
}

export async function stopDaemon({ process: child, client }: Daemon): Promise<number> {
  await client.endAsync(true);
  const startMs = systemClock.monoMs();
  child.kill('SIGINT');
  await once(child, 'exit');
  return systemClock.monoMs() - startMs;
}

export async function* reports(client: MqttClient): AsyncGenerator<{ health: HealthReport }> {
  await client.subscribeAsync('vedette/+/health');
  for (;;) {
    const payload = await new Promise<Buffer>((resolve) => {
      client.once('message', (_topic, bytes) => resolve(bytes));
    });
    yield { health: JSON.parse(payload.toString()) as HealthReport };
  }
}
