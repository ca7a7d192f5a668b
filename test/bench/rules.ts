// What it costs to decide about one look: where everybody is, three rules, the book of events; with traces as the daemon keeps
// them, and without as a backtest does. Objects come, walk through zones and over a line, and go, so that rules fire.
import { Decider } from '../../daemon/core/decide.ts';
import type { Places, Rule } from '../../daemon/core/rule-types.ts';
import type { Observation } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { LOCATION, NO_STAGES, ruleOf, standing, trackView } from '../support/tracks.ts';
import type { BenchLine } from './figures.ts';

const WARM_UP = 100_000;
const ROUNDS = 500_000;
/** Looks at one object from its first to its last: half a minute at five frames a second. */
const LIFE = 150;
const FRAME_MS = 200;

const STEADY = { anchor: 'bottom', inertia: 2, margin: 0.01 } as const;
const PLACES: Places = {
  zones: [
    {
      ...STEADY,
      name: 'door',
      points: [
        [0.5, 0.5],
        [1, 0.5],
        [1, 1],
        [0.5, 1],
      ],
    },
    {
      ...STEADY,
      name: 'path',
      points: [
        [0, 0.5],
        [0.5, 0.5],
        [0.5, 1],
        [0, 1],
      ],
    },
  ],
  lines: [
    {
      ...STEADY,
      name: 'gate',
      points: [
        [0.5, 0],
        [0.5, 1],
      ],
      sides: ['house', 'street'],
    },
  ],
};
const COMMON: Partial<Rule> = { labels: ['person'], cooldownS: 60 };
const RULES: readonly Rule[] = [
  ruleOf({ ...COMMON, name: 'enter', trigger: { type: 'enter', zone: 'door' } }),
  ruleOf({ ...COMMON, name: 'dwell', trigger: { type: 'dwell', zone: 'path', forS: 10 } }),
  ruleOf({ ...COMMON, name: 'cross', trigger: { type: 'cross', line: 'gate', to: 'house' } }),
];

export async function benchRules(): Promise<BenchLine[]> {
  return [1, 10].flatMap((tracks) =>
    [false, true].map((traces) => {
      const micros = microsOf(tracks, traces);
      return {
        what: `rules: a look at ${tracks} ${tracks === 1 ? 'track' : 'tracks'}, three rules${traces ? ', with traces' : ''}`,
        value: `${micros.toFixed(2)} µs`,
        target: tracks === 1 ? '≤ 2 µs' : '',
      };
    }),
  );
}

/** The making of the look included, as a backtest makes each from its row. */
function microsOf(tracks: number, traces: boolean): number {
  let ids = 0;
  const newId = (): string => {
    ids += 1;
    return String(ids);
  };
  const decider = new Decider({
    rules: RULES,
    places: new Map([['porch', PLACES]]),
    location: LOCATION,
    newId,
    ...(traces ? { traces: { scoreMin: () => 0.5 } } : {}),
  });
  let startMs = 0;
  for (let look = 0; look < WARM_UP + ROUNDS; look += 1) {
    if (look === WARM_UP) startMs = systemClock.monoMs();
    decider.observe(lookAt(look, tracks));
  }
  return ((systemClock.monoMs() - startMs) * 1000) / ROUNDS;
}

function lookAt(look: number, tracks: number): Observation {
  const life = Math.floor(look / LIFE);
  const age = look % LIFE;
  const startedMonoMs = life * LIFE * FRAME_MS;
  const views = Array.from({ length: tracks }, (_, index) =>
    trackView({
      id: life * tracks + index,
      box: standing(0.1 + (0.8 * age) / LIFE, 0.6 + index * 0.03),
      confirmed: age > 2,
      startedAtMs: startedMonoMs,
      startedMonoMs,
    }),
  );
  const before = age === 0 && life > 0 ? views.map(({ id }) => id - tracks) : [];
  const stamp = { frame: look, atMs: look * FRAME_MS, monoMs: look * FRAME_MS };
  return { camera: 'porch', stamp, tracks: views, ended: before, stages: NO_STAGES };
}
