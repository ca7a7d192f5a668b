// Scenarios of what keeps a rule quiet or wakes it: cooldowns, the armed state, another configuration.
import { type Film, from, person, type Scenario, SECOND_CAMERA, toTheDoor, visit, WALK } from './scenario.ts';

/** Visits of the porch at these seconds. */
const visits = (...seconds: readonly number[]): Film => ({
  looks: seconds.map((s) => ({ fromS: s, toS: s + 17, fps: 4 })),
  actors: seconds.map((s) => person(visit(1, 1.5), s)),
});

/** Into the porch, out to the path, and in again, so many times. */
function restless(startS: number, times: number, doorX: number): ReturnType<typeof person> {
  const route = toTheDoor();
  for (let i = 0; i < times; i += 1) route.to(-0.6, 4.35, WALK).wait(1, 0).to(doorX, 4, WALK).wait(1.5, 0);
  return person(route, startS);
}

export const QUIET: readonly Scenario[] = [
  {
    name: 'cooldown-of-a-camera',
    expects: 'Visits at 0, 30 and 70 s with a cooldown of a minute: the first and the third are told.',
    alerts: { visitor: 2 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60 }
`,
    films: { porch: visits(0, 30, 70) },
    endsS: 90,
  },
  {
    name: 'cooldown-of-each-camera',
    expects:
      'The same person passes two cameras half a minute apart: each camera has its own cooldown, two alerts.',
    alerts: { visitor: 2 },
    yaml: `${SECOND_CAMERA}rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60 }
`,
    films: { porch: visits(0), yard: visits(30) },
    endsS: 50,
  },
  {
    name: 'cooldown-of-the-whole-rule',
    expects: 'The same with a cooldown for the rule: one alert for both cameras.',
    alerts: { visitor: 1 },
    yaml: `${SECOND_CAMERA}rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60, cooldownPer: rule }
`,
    films: { porch: visits(0), yard: visits(30) },
    endsS: 50,
  },
  {
    name: 'cooldown-of-a-zone',
    expects:
      'Two rules share the quiet of the porch: somebody enters and is told, then waits for five seconds, which is not told any more. The path is another zone.',
    alerts: { visitor: 1, waiting: 0, 'on-the-path': 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownPer: zone }
  waiting: { trigger: { type: dwell, zone: porch, forS: 5 }, labels: [person], cooldownPer: zone }
  on-the-path: { trigger: { type: enter, zone: path }, labels: [person], cooldownPer: zone }
`,
    films: { porch: { actors: [person(visit(9))] } },
    endsS: 26,
  },
  {
    name: 'cooldown-of-each-object',
    expects: 'Two go in and out of the porch several times within a minute: told once for each of them.',
    alerts: { visitor: 2 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60, cooldownPer: track }
`,
    films: {
      porch: { looks: [{ fromS: 0, toS: 36, fps: 4 }], actors: [restless(0, 3, 1.2), restless(12, 2, 0.6)] },
    },
    endsS: 36,
  },
  {
    name: 'every-entry',
    expects:
      'Without a cooldown somebody who goes in and out three times is told three times, plus the first.',
    alerts: { visitor: 4 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 0 }
`,
    films: { porch: { actors: [restless(0, 3, 1.2)] } },
    endsS: 30,
  },
  {
    name: 'disarmed-for-a-while',
    expects:
      'Disarmed, somebody comes: nothing but the rule for a disarmed house. Armed while the visitor stands there: seen already, nothing. The next visitor is told.',
    alerts: { visitor: 1, 'somebody-is-home': 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 0 }
  somebody-is-home: { trigger: { type: enter, zone: porch }, labels: [person], while: disarmed, severity: info, cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [
          { fromS: 2, toS: 26, fps: 4 },
          { fromS: 40, toS: 57, fps: 4 },
        ],
        actors: [person(visit(10), 2), person(visit(1, 1.5), 40)],
      },
    },
    happenings: [
      { s: 1, armed: false, camera: 'porch' },
      { s: 12, armed: true, camera: 'porch' },
    ],
    endsS: 60,
  },
  {
    name: 'armed-in-the-middle-of-a-wait',
    expects:
      'Somebody waits on the porch while the house is disarmed, for longer than the rule asks; it is armed, and nothing of that is told afterwards.',
    alerts: { waiting: 0 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 8 }, labels: [person] }
`,
    films: { porch: { looks: [{ fromS: 0, toS: 40, fps: 3 }], actors: [person(visit(24), 1)] } },
    happenings: [
      { s: 0.5, armed: false, camera: 'porch' },
      { s: 20, armed: true, camera: 'porch' },
    ],
    endsS: 42,
  },
  {
    name: 'a-reload-in-the-middle',
    expects:
      'While somebody waits on the porch, a rule is added and the message of another changed: the wait goes on and is told when it is 15 s, the new rule sees who is there.',
    alerts: { waiting: 1, visitor: 1 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 15 }, labels: [person] }
`,
    later: {
      'two-rules': `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 15 }, labels: [person], message: "still there after {seconds} s" }
  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
`,
    },
    films: { porch: { looks: [{ fromS: 0, toS: 36, fps: 4 }], actors: [person(visit(20))] } },
    happenings: [{ s: 14, load: 'two-rules' }],
    endsS: 38,
  },
  {
    name: 'a-zone-is-drawn-anew',
    expects:
      'Somebody stands on the path; the porch is drawn larger, so that the path is in it: in the porch now, told.',
    alerts: { visitor: 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
`,
    later: {
      'a-larger-porch': `cameras:
  porch:
    source: { type: scene }
    zones: { porch: { points: [[0.2, 0.74], [0.84, 0.74], [0.9, 1], [0.2, 1]] } }
rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
`,
    },
    films: {
      porch: {
        actors: [
          person(
            from(-4.3, 6)
              .to(-1.5, 6, WALK)
              .to(-1.1, 4.7, WALK)
              .wait(12, 0)
              .to(-1.5, 6, WALK)
              .to(-4.6, 6, WALK),
          ),
        ],
      },
    },
    happenings: [{ s: 10, load: 'a-larger-porch' }],
    endsS: 26,
  },
  {
    name: 'the-end-while-a-group-is-open',
    expects: 'Two come to the door and the daemon is stopped before the group is told: it is told as it is.',
    alerts: { visitors: 1 },
    yaml: `rules:
  visitors: { trigger: { type: enter, zone: porch }, labels: [person], groupS: 30 }
`,
    films: { porch: { actors: [person(toTheDoor().wait(9, 0)), person(toTheDoor().wait(9, 0), 2.5)] } },
    endsS: 12,
  },
];
