// Clips labelled by hand (test/fixtures/clips), played through the product as `vedette replay` plays them, and how well the
// events agree with the labels. An event is the arrival and the departure of one object, and counts as both.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { replay } from '../../daemon/cli/replay-run.ts';
import { parseConfig } from '../../daemon/config/load.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import type { Box } from '../../daemon/core/types.ts';
import { DEFAULT_MODEL } from '../../daemon/models/store.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { sharedPath } from './needs.ts';

/** A moment is right when the event has it at most this much inside the visit… */
const LATE_S = 1;
/** …or this much outside the time in which anything of the object is to be seen: one look at five frames a second. */
const EARLY_S = 0.2;

/** Left, top, width, height, in fractions of the picture. */
type Corners = readonly [number, number, number, number];

export interface ClipObject {
  readonly name: string;
  readonly label: string;
  /** Anything of it is to be seen from here … */
  readonly appearsS: number;
  /** … and a third of it from here … */
  readonly arrivesS: number;
  /** … to here … */
  readonly leavesS: number;
  /** … and nothing any more from here. */
  readonly goneS: number;
  /** First, middle, last moment with a third of it in the picture. */
  readonly path: readonly { readonly atS: number; readonly box: Corners }[];
}

export interface ClipLabels {
  /** Below the shared folder. */
  readonly clip: string;
  readonly sha256: string;
  readonly floors: { readonly precision: number; readonly recall: number };
  readonly objects: readonly ClipObject[];
  /** An event of this label that stays in this place is neither right nor wrong. */
  readonly notAskedFor: readonly { readonly label: string; readonly box: Corners }[];
}

/** One event of the product. */
export interface ToldEvent {
  readonly label: string;
  readonly score: number;
  /** Where it was seen, look by look; the first and last are its arrival and its departure. */
  readonly looks: readonly { readonly atS: number; readonly box: Box }[];
}

export interface ClipScore {
  readonly precision: number;
  readonly recall: number;
  /** One line for every event, and one for every object without. */
  readonly lines: readonly string[];
}

export function readClip(path: string): ClipLabels {
  return JSON.parse(readFileSync(path, 'utf8')) as ClipLabels;
}

/** SHA-256 of the clip that the labels are of. */
export function clipHash({ clip }: ClipLabels): string {
  return createHash('sha256')
    .update(readFileSync(sharedPath(clip)))
    .digest('hex');
}

/** What a camera with default settings tells of the clip with this model: a name, `default`, or a folder. */
export async function playClip({ clip }: ClipLabels, model: string): Promise<ToldEvent[]> {
  const video = sharedPath(clip);
  const detector = { model: model === 'default' ? DEFAULT_MODEL : model };
  const document = { detector, cameras: { lot: { source: { type: 'file', path: video } } } };
  const { config } = parseConfig(JSON.stringify(document), {
    fileName: 'clip.yaml',
    folder: process.cwd(),
    env: {},
    semanticChecks: checkConfig,
  });
  const looks = new Map<number, { atS: number; box: Box }[]>();
  const told = new Map<string, ToldEvent>();
  await replay(
    {
      config,
      camera: 'lot',
      video,
      dataDir: process.cwd(),
      startMs: 0,
      clock: systemClock,
      logger: pino({ level: 'silent' }),
      onStep: ({ videoMs, sightings, decision }) => {
        for (const { track } of sightings) {
          const seen = looks.get(track.id) ?? [];
          looks.set(track.id, seen);
          if (track.score > 0) seen.push({ atS: videoMs / 1000, box: track.box });
        }
        for (const { id, label, score, track } of decision.events)
          told.set(id, { label, score, looks: looks.get(track) ?? [] });
      },
    },
    new AbortController().signal,
  );
  return [...told.values()];
}

/**
 * Events and objects of the same label are paired one to one by the looks in which the middle of the event's box lies in that
 * of the object; at least half of an event's looks must. Any other event, of whatever label, is two wrong moments: a car told
 * as a truck is a wrong event and a missing car.
 */
export function scoreClip({ objects, notAskedFor }: ClipLabels, events: readonly ToldEvent[]): ClipScore {
  const pairs = pairsOf(objects, events);
  const asked = events.filter(
    (event) =>
      pairs.has(event) ||
      !notAskedFor.some(
        ({ label, box }) =>
          label === event.label && event.looks.length > 0 && event.looks.every((look) => isIn(look.box, box)),
      ),
  );
  let right = 0;
  const lines = asked.map((event) => {
    const object = pairs.get(event);
    const [from, to] = [event.looks[0]?.atS ?? 0, event.looks.at(-1)?.atS ?? 0];
    const text = `${event.label} ${event.score.toFixed(2)}, ${from.toFixed(1)} to ${to.toFixed(1)} s`;
    if (object === undefined) return `${text}: nothing of this label there`;
    const arrival = from >= object.appearsS - EARLY_S && from <= object.arrivesS + LATE_S;
    const departure = to >= object.leavesS - LATE_S && to <= object.goneS + EARLY_S;
    right += Number(arrival) + Number(departure);
    const visit = `${object.arrivesS.toFixed(1)} to ${object.leavesS.toFixed(1)} s`;
    const verdict = (good: boolean): string => (good ? 'right' : 'wrong');
    return `${text}: ${object.name} (${visit}), arrival ${verdict(arrival)}, departure ${verdict(departure)}`;
  });
  const found = new Set(pairs.values());
  const missing = objects.filter((object) => !found.has(object)).map(({ name }) => `no event: ${name}`);
  return {
    precision: asked.length === 0 ? 0 : right / (2 * asked.length),
    recall: right / (2 * objects.length),
    lines: [...lines, ...missing],
  };
}

/** The pair with the most looks in common first. */
function pairsOf(
  objects: readonly ClipObject[],
  events: readonly ToldEvent[],
): ReadonlyMap<ToldEvent, ClipObject> {
  const candidates = events.flatMap((event) =>
    objects
      .filter(({ label }) => label === event.label)
      .map((object) => ({ event, object, common: commonLooks(object, event) }))
      .filter(({ common }) => common > 0 && common >= event.looks.length / 2),
  );
  const pairs = new Map<ToldEvent, ClipObject>();
  const taken = new Set<ClipObject>();
  for (const { event, object } of candidates.sort((a, b) => b.common - a.common)) {
    if (pairs.has(event) || taken.has(object)) continue;
    pairs.set(event, object);
    taken.add(object);
  }
  return pairs;
}

function commonLooks(object: ClipObject, { looks }: ToldEvent): number {
  return looks.filter(
    ({ atS, box }) => atS >= object.appearsS && atS <= object.goneS && isIn(box, boxAt(object, atS)),
  ).length;
}

function isIn({ x, y, width, height }: Box, [left, top, wide, high]: Corners): boolean {
  const [middleX, middleY] = [x + width / 2, y + height / 2];
  return middleX >= left && middleX <= left + wide && middleY >= top && middleY <= top + high;
}

/** Between two labelled moments in proportion; before the first and after the last as there. */
function boxAt({ path }: ClipObject, atS: number): Corners {
  const next = path.findIndex((moment) => moment.atS >= atS);
  if (next === -1) return path.at(-1)!.box;
  if (next === 0) return path[0]!.box;
  const [before, after] = [path[next - 1]!, path[next]!];
  const share = (atS - before.atS) / (after.atS - before.atS);
  const between = (side: 0 | 1 | 2 | 3): number =>
    before.box[side] + share * (after.box[side] - before.box[side]);
  return [between(0), between(1), between(2), between(3)];
}
