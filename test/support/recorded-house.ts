// A daemon's decisions and its store without the rest of it: observations go through a Decider and into a real Store, as app.ts
// does it, so that a backtest finds what a daemon would have left.
import { stringify } from 'yaml';
import { parseConfig } from '../../daemon/config/load.ts';
import type { Config } from '../../daemon/config/types.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { Decider, type Decision } from '../../daemon/core/decide.ts';
import type { Fact, Observation, TrackView } from '../../daemon/core/types.ts';
import { newId } from '../../daemon/platform/ids.ts';
import type { Store } from '../../daemon/store/store.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { NO_STAGES } from './tracks.ts';

/** Wall clock of second 0 of these houses. */
export const HOUSE_MS = Date.UTC(2026, 5, 1, 12);
const FRAME_MS = 200;
const LATE_MS = 50;
/** Of the frame: boxes are kept so fine. What stands between two steps might fall to another side of an edge. */
const STEPS = 65_535;

/** The configuration of a document, or the errors of `vedette check`. */
export function configOf(document: object): Config {
  const options = { env: {}, fileName: 'c.yaml', folder: '/', semanticChecks: checkConfig };
  return parseConfig(stringify(document), options).config;
}

/** Somebody in front of a camera. */
export interface Visit {
  readonly camera?: string;
  readonly track: number;
  readonly label?: string;
  /** Seconds since second 0. */
  readonly fromS: number;
  readonly toS: number;
  /** Where it stands, from left to right: a place, or from where to where. */
  readonly x: number | readonly [from: number, to: number];
  readonly score?: number;
}

/** Every frame of these visits, in order of time; a visitor ends in the frame after its last. */
export function framesOf(visits: readonly Visit[], threshold = 0.7): Observation[] {
  const cameras = [...new Set(visits.map(({ camera = 'porch' }) => camera))];
  const last = Math.max(...visits.map(({ toS }) => toS)) + 1;
  const frames: Observation[] = [];
  for (let frame = 0; frame * FRAME_MS <= last * 1000; frame += 1) {
    const s = (frame * FRAME_MS) / 1000;
    for (const camera of cameras) {
      const here = visits.filter((visit) => (visit.camera ?? 'porch') === camera);
      const tracks = here
        .filter(({ fromS, toS }) => s >= fromS && s <= toS)
        .map((visit) => viewOf(visit, s, threshold));
      const ended = here
        .filter(({ toS }) => s > toS && s <= toS + FRAME_MS / 1000 + 1e-9)
        .map(({ track }) => track);
      const stamp = { frame: frame + 1, atMs: HOUSE_MS + s * 1000, monoMs: 5000 + s * 1000 };
      frames.push({ camera, stamp, tracks, ended, stages: NO_STAGES });
    }
  }
  return frames;
}

function viewOf(
  { track, label = 'person', fromS, toS, x, score = 0.9 }: Visit,
  s: number,
  threshold: number,
): TrackView {
  // Scores are kept as the model gives them: of single precision.
  const single = Math.fround(score);
  const [from, to] = typeof x === 'number' ? [x, x] : x;
  const at = from + ((to - from) * (s - fromS)) / Math.max(0.001, toS - fromS);
  // Padded with zeros to three looks: the third confirms.
  const scoreMedian = s - fromS < 0.39 ? 0 : single;
  return {
    ...{ id: track, label, score: single, scoreMedian, threshold, velocity: [0, 0] },
    stationary: from === to && s - fromS >= 2,
    confirmed: scoreMedian >= threshold,
    box: { x: stepped(at - 0.05), y: stepped(0.5), width: stepped(0.1), height: stepped(0.3) },
    startedAtMs: HOUSE_MS + fromS * 1000,
    startedMonoMs: 5000 + fromS * 1000,
  };
}

function stepped(fraction: number): number {
  return Math.round(fraction * STEPS) / STEPS;
}

export interface Life {
  readonly store: Store;
  /** Alerts that fired. */
  readonly alerts: Decision['alerts'][number][];
  see(frames: readonly Observation[]): void;
  /** The rules are told, at this second. */
  learn(fact: Fact, s: number): void;
  /** Nothing is seen until this second. */
  pass(s: number): void;
  stop(): Promise<void>;
}

/** One life of the daemon: armed, all cameras online from second `beganS` on. */
export async function startLife(dataDir: string, config: Config, beganS = 0): Promise<Life> {
  const { store } = await startStore(dataDir);
  const traces = { scoreMin: () => config.track.scoreMin };
  const decider = new Decider({ ...decisionScene(config), newId, traces });
  const alerts: Life['alerts'] = [];
  const keep = (decision: Decision): void => {
    alerts.push(...decision.alerts);
    store.traced(decision.traces);
    if (decision.events.length + decision.alerts.length > 0)
      store.commit({ events: decision.events, alerts: decision.alerts });
  };
  const learn = (fact: Fact, s: number): void => {
    const moment = { atMs: HOUSE_MS + s * 1000, monoMs: 5000 + s * 1000 };
    store.learned(fact, moment);
    keep(decider.learn(fact, moment));
  };
  for (const camera of Object.keys(config.cameras)) {
    learn({ kind: 'armed', camera, armed: true }, beganS);
    learn({ kind: 'status', camera, status: 'online' }, beganS);
  }
  return {
    store,
    alerts,
    learn,
    see: (frames) => {
      for (const frame of frames) {
        store.observed(frame);
        keep(decider.observe(frame));
        // As often as in a daemon, which is told of a frame a little after it was taken.
        const { atMs, monoMs } = frame.stamp;
        keep(decider.advance({ atMs: atMs + LATE_MS, monoMs: monoMs + LATE_MS }));
      }
    },
    pass: (s) => keep(decider.advance({ atMs: HOUSE_MS + s * 1000, monoMs: 5000 + s * 1000 })),
    stop: async () => {
      keep(decider.finish());
      await store.stop();
    },
  };
}

/** A life that sees these visits and stops. Returns what fired. */
export async function live(
  dataDir: string,
  config: Config,
  visits: readonly Visit[],
  /** The porch is not online from one of these seconds to the other. */
  { offlineS }: { readonly offlineS?: readonly [from: number, to: number] } = {},
): Promise<Life['alerts']> {
  const beganS = Math.min(...visits.map(({ fromS }) => fromS));
  const life = await startLife(dataDir, config, beganS);
  const frames = framesOf(visits);
  const upTo = (s: number): void => {
    const at = frames.findIndex(({ stamp }) => stamp.atMs >= HOUSE_MS + s * 1000);
    life.see(frames.splice(0, at === -1 ? frames.length : at));
  };
  frames.splice(
    0,
    frames.findIndex(({ stamp }) => stamp.atMs >= HOUSE_MS + beganS * 1000),
  );
  if (offlineS !== undefined) {
    const [from, to] = offlineS;
    upTo(from);
    life.learn({ kind: 'status', camera: 'porch', status: 'offline' }, Math.max(from, beganS));
    const blind = frames.splice(0, frames.length);
    frames.push(
      ...blind.filter(({ camera, stamp }) => camera !== 'porch' || stamp.atMs >= HOUSE_MS + to * 1000),
    );
    upTo(to);
    life.learn({ kind: 'status', camera: 'porch', status: 'online' }, Math.max(to, beganS));
  }
  life.see(frames);
  await life.stop();
  return life.alerts;
}
