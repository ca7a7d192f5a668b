// The place of a run: a camera program that plays a recorded scene over and over (so many zones and rules that somebody
// walking by fires ten alerts a second), the data folder on a disk of its own, a real Mosquitto, the network to it, the
// daemon, the listener. Owns making and unmaking them; faults.ts ill-treats them.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { fakeTimePath } from '../support/fake-time.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT } from '../support/needs.ts';
import { Disk } from './disk.ts';
import { Listener } from './listener.ts';
import { Network } from './network.ts';
import { Patient } from './patient.ts';

/**
 * What broker and listener are like. `forgetful`: the broker comes back empty and the listener has no session, so the daemon
 * has to see that nobody listens (reason 16) and keep the messages, for ever. `asking`: the same with a listener that
 * breaks off and asks for what it missed; what nobody listens to is given up soon, and marked. `lasting`: the broker
 * saves all it has acknowledged, and the listener, as rude, has a session there.
 */
export const HOUSES = ['forgetful', 'asking', 'lasting'] as const;
export type HouseKind = (typeof HOUSES)[number];

export interface House {
  readonly kind: HouseKind;
  readonly folder: string;
  readonly disk: Disk;
  readonly broker: Mosquitto;
  readonly network: Network;
  readonly patient: Patient;
  readonly listener: Listener;
  /** A configuration without a camera that looks: what is left is delivered, nothing new comes. */
  readonly quietConfig: string;
}

interface Wiring {
  readonly kind: HouseKind;
  readonly url: string;
  readonly frames: string;
  /** The camera looks. */
  readonly enabled: boolean;
}

const DEVICE = 'chaos';
const WIDTH = 640;
const HEIGHT = 384;
const FPS = 10;
const RECORDED_FRAMES = 150;
const STRIPS = 8;
const RULES_PER_STRIP = 6;
const DISK_MB = 64;

export async function openHouse(kind: HouseKind): Promise<House> {
  const fakeTime = fakeTimePath();
  if (fakeTime === undefined) throw new Error('chaos needs libfaketime: apt-get install faketime');
  const folder = mkdtempSync(join(tmpdir(), `vedette-chaos-${kind}-`));
  const frames = recordScene(folder);
  const broker = await Mosquitto.in(folder, {
    persistent: kind === 'lasting',
    // Without limits of its own that make it drop what it has acknowledged.
    lines: [
      'max_queued_messages 0',
      'max_inflight_messages 0',
      `log_dest file ${join(folder, 'broker.log')}`,
      'log_type all',
    ],
  });
  await broker.restart();
  const network = await Network.to(broker.port);
  const disk = new Disk(join(folder, 'data'), DISK_MB);
  const wiring = { kind, url: network.url, frames };
  const config = writeConfiguration(join(folder, 'vedette.yaml'), { ...wiring, enabled: true });
  const quietConfig = writeConfiguration(join(folder, 'quiet.yaml'), { ...wiring, enabled: false });
  const patient = new Patient({ folder, dataDir: disk.path, config, fakeTime });
  const listener = new Listener({ url: broker.url, device: DEVICE, session: kind === 'lasting' });
  return { kind, folder, disk, broker, network, patient, listener, quietConfig };
}

/** Ends everything. The folder stays, with a copy of the data, where `keep` says so. */
export async function closeHouse(house: House, keep: boolean): Promise<void> {
  const { folder, disk, broker, network, patient, listener } = house;
  await patient.kill();
  await listener.leave(true);
  network.close();
  await broker.kill();
  patient.close();
  if (keep) cpSync(disk.path, join(folder, 'data-kept'), { recursive: true });
  disk.unmount();
  rmSync(join(folder, 'frames.yuv'), { force: true });
  if (!keep) rmSync(folder, { recursive: true, force: true });
}

function recordScene(folder: string): string {
  const path = join(folder, 'frames.yuv');
  const size = ['--width', String(WIDTH), '--height', String(HEIGHT)];
  // Half as many frames a second as they are played with: people walk by twice as fast.
  const args = [
    'scene',
    ...size,
    '--fps',
    String(FPS / 2),
    '--frames',
    String(RECORDED_FRAMES),
    '--pace',
    'fast',
  ];
  const scene = spawnSync(process.execPath, [join(ROOT, 'daemon/main.ts'), ...args], { maxBuffer: 2 ** 30 });
  if (scene.status !== 0) throw new Error(`vedette scene: ${scene.stderr.toString()}`);
  writeFileSync(path, scene.stdout);
  return path;
}

function writeConfiguration(path: string, { kind, url, frames, enabled }: Wiring): string {
  const zones: Record<string, object> = {};
  const rules: Record<string, object> = {};
  for (let strip = 0; strip < STRIPS; strip += 1) {
    const [left, right] = [strip / STRIPS, (strip + 1) / STRIPS];
    zones[`strip${strip}`] = {
      points: [
        [left, 0],
        [right, 0],
        [right, 1],
        [left, 1],
      ],
    };
    for (let n = 0; n < RULES_PER_STRIP; n += 1) {
      rules[`in-${strip}-${n}`] = { trigger: { type: 'enter', zone: `strip${strip}` }, cooldownS: 0 };
    }
  }
  const bytes = String((WIDTH * HEIGHT * 3) / 2);
  const replay = [process.execPath, join(ROOT, 'test/support/replay-camera.ts')];
  const command = [...replay, '--file', frames, '--bytes', bytes, '--fps', String(FPS)];
  const yard = {
    enabled,
    source: { type: 'command', command },
    detect: { width: WIDTH, height: HEIGHT, fps: FPS },
    stallMs: 1500,
    zones,
  };
  const mqtt = {
    url,
    keepaliveS: 5,
    connectTimeoutS: 2,
    retryMaxS: 1,
    drainDelayS: 0.3,
    lateS: 5,
    // Never, or shorter than the listener's absences, so that some messages are given up.
    unheardS: kind === 'forgetful' ? 0 : 1,
    healthS: 5,
  };
  const document = {
    device: { name: DEVICE },
    log: { format: 'json' },
    mqtt,
    detector: { deadlineMs: 2000 },
    snapshots: { keepMb: 10, reserveMb: 2 },
    cameras: { yard },
    rules,
  };
  writeFileSync(path, stringify(document));
  return path;
}
