// The watch over what a camera shows, on the built-in scene: every kind of blindness is found in time and is over by itself, and nothing
// is found where a view only has its hours, its weather and its passers-by.
import { describe, expect, test } from 'vitest';
import { SightWatch } from '../../daemon/camera/blindness.ts';
import { LumaPlane } from '../../daemon/camera/luma-plane.ts';
import type { SightFault } from '../../daemon/core/camera-status.ts';
import { type HappeningKind, parseHappening } from '../../daemon/scene/happenings.ts';
import type { SceneOptions } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';

const CONFIG = { frozenS: 8, blindS: 5, movedS: 8 };
/** A kind of blindness lasts so long in these tests. */
const [FROM_S, UNTIL_S, END_S] = [12, 26, 30];
const FOUND_S_MAX = 10;

interface Spell {
  readonly fault: SightFault;
  readonly atS: number;
}

/** The camera is cut off before this second of the scene, which goes on afterwards where it was. */
interface Away {
  readonly atS: number;
  readonly forS: number;
}

/** What a watch says of a scene: each change of its mind, in seconds of the scene. */
function spellsOf(
  options: Partial<SceneOptions>,
  seconds: number,
  { live = true, config = CONFIG, away = undefined as Away | undefined } = {},
): { spells: Spell[]; overS: number | undefined; reason: string } {
  const scene = new Scene({ width: 320, height: 192, fps: 2, ...options });
  const { width, height, fps } = scene.options;
  const plane = new LumaPlane({ width, height });
  const watch = new SightWatch({ plane, frame: { width, height }, live, config });
  const spells: Spell[] = [];
  let [overS, reason] = [undefined as number | undefined, ''];
  let before: SightFault | undefined;
  for (let n = 0; n < seconds * fps; n += 1) {
    scene.render(n);
    plane.shrink(scene.frame);
    const awayS = away !== undefined && n / fps >= away.atS ? away.forS : 0;
    watch.look(scene.frame, plane.pixels, (n * 1000) / fps + awayS * 1000);
    const { fault } = watch;
    if (fault !== undefined && fault !== before) {
      spells.push({ fault, atS: n / fps });
      reason = watch.reason;
    }
    if (fault === undefined && before !== undefined) overS = n / fps;
    before = fault;
  }
  return { spells, overS, reason };
}

const KINDS: readonly [HappeningKind, SightFault][] = [
  ['cover', 'blind'],
  ['defocus', 'blind'],
  ['wash-out', 'blind'],
  ['turn', 'moved'],
  ['freeze', 'frozen'],
];
const HOURS = ['day', 'dusk', 'night', 'day'] as const;
const SIZES = [
  { width: 320, height: 192 },
  { width: 448, height: 252 },
  { width: 640, height: 384 },
] as const;

describe('is found within ten seconds, and over by itself', () => {
  test.each(KINDS)(
    '%s: 20 of 20 times',
    (kind, fault) => {
      const happenings = [parseHappening(`${kind}@${FROM_S}-${UNTIL_S}`)];
      for (let seed = 1; seed <= 20; seed += 1) {
        const time = HOURS[seed % HOURS.length]!;
        // One of the sizes large, now and then: it takes long to draw.
        const size = SIZES[seed % 10 === 0 ? 2 : seed % 2]!;
        const options = {
          ...size,
          seed,
          time,
          rain: seed % 4 === 3,
          lens: seed % 3 === 0 ? 'wide' : 'normal',
        } as const;
        const { spells, overS } = spellsOf({ ...options, happenings }, END_S);
        expect([seed, spells.map((spell) => spell.fault)]).toEqual([seed, [fault]]);
        expect(spells[0]!.atS).toBeGreaterThan(FROM_S);
        expect(spells[0]!.atS - FROM_S).toBeLessThanOrEqual(FOUND_S_MAX);
        expect(overS).toBeGreaterThanOrEqual(UNTIL_S);
        expect(overS).toBeLessThanOrEqual(UNTIL_S + 3);
      }
    },
    60_000,
  );
});

describe('is not found', () => {
  const LIGHTS = [
    'light-switch@20-50',
    'headlights@60-120',
    'infrared@130-170',
    'light-switch@180-181',
    'infrared@200-260',
  ];

  test.each([
    ['day', false],
    ['dusk', false],
    ['night', false],
    ['day', true],
  ] as const)(
    'in five minutes of %s, rain %s, with people, cars and all that befalls the light',
    (time, rain) => {
      const happenings = LIGHTS.map(parseHappening);
      expect(spellsOf({ seed: 7, time, rain, happenings }, 300).spells).toEqual([]);
    },
    60_000,
  );

  test('in a sunrise', () => {
    expect(spellsOf({ seed: 2, happenings: [parseHappening('sunrise@20-170')] }, 180).spells).toEqual([]);
  });

  test('where it is switched off', () => {
    const config = { frozenS: 0, blindS: 0, movedS: 0 };
    for (const kind of ['cover', 'turn', 'freeze'] as const) {
      const happenings = [parseHappening(`${kind}@${FROM_S}-${UNTIL_S}`)];
      expect(spellsOf({ seed: 1, happenings }, END_S, { config }).spells).toEqual([]);
    }
  });

  test('in a recording that stands still', () => {
    const happenings = [parseHappening(`freeze@${FROM_S}-${UNTIL_S}`)];
    expect(spellsOf({ seed: 1, happenings }, END_S, { live: false }).spells).toEqual([]);
  });
});

test('a camera that is covered when it starts is blind as well, without knowing what it should show', () => {
  const { spells, overS } = spellsOf({ seed: 3, happenings: [parseHappening('cover@0-12')] }, 20);
  expect(spells).toEqual([{ fault: 'blind', atS: CONFIG.blindS }]);
  expect(overS).toBeGreaterThanOrEqual(12);
});

test('each takes as long as the configuration says, and says why with its numbers', () => {
  const config = { frozenS: 3, blindS: 2, movedS: 4 };
  const of = (kind: HappeningKind) =>
    spellsOf({ seed: 1, fps: 4, happenings: [parseHappening(`${kind}@${FROM_S}-${UNTIL_S}`)] }, END_S, {
      config,
    });
  expect(of('cover')).toMatchObject({
    spells: [{ atS: FROM_S + 2 }],
    reason: expect.stringMatching(
      /^nothing can be made out for 2 s \(\d+ % of the view have lost their edges, \d+ % their detail\)$/,
    ),
  });
  expect(of('turn')).toMatchObject({
    spells: [{ atS: FROM_S + 4 }],
    reason: expect.stringMatching(/^it has shown another view for 4 s \(\d+ % of the usual one is there\)$/),
  });
  // The picture with which it froze is the first of the same.
  expect(of('freeze')).toMatchObject({
    spells: [{ atS: FROM_S + 3 }],
    reason: 'the picture has not changed for 3 s',
  });
});

test('a camera that stays where it was turned to belongs there after ten minutes', () => {
  const happenings = [parseHappening('turn@20-900')];
  const { spells, overS } = spellsOf({ seed: 4, fps: 1, happenings }, 700);
  expect(spells.map(({ fault }) => fault)).toEqual(['moved']);
  expect(overS).toBeGreaterThan(615);
  expect(overS).toBeLessThan(630);
}, 60_000);

describe('time without pictures does not count', () => {
  test('a camera that was turned and then cut off for eleven minutes is moved when it is back', () => {
    const happenings = [parseHappening('turn@20-60')];
    const away = { atS: 23, forS: 660 };
    const { spells, overS } = spellsOf({ seed: 4, happenings }, 65, { away });
    expect(spells.map(({ fault }) => fault)).toEqual(['moved']);
    expect(spells[0]!.atS).toBeGreaterThan(away.atS);
    expect(spells[0]!.atS).toBeLessThanOrEqual(20 + FOUND_S_MAX);
    expect(overS).toBeGreaterThanOrEqual(60);
  });

  test.each(['cover', 'freeze'] as const)('%s: a moment before and a moment after an outage', (kind) => {
    const happenings = [parseHappening(`${kind}@20-23`)];
    const away = { atS: 21.5, forS: 60 };
    expect(spellsOf({ seed: 4, fps: 4, happenings }, 30, { away }).spells).toEqual([]);
  });
});
