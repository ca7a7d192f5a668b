// Scenarios of what breaks: cameras that restart or fall silent in the middle of an event, the detector, the disk.
import {
  car,
  from,
  passing,
  person,
  type Scenario,
  SECOND_CAMERA,
  toTheDoor,
  visit,
  WALK,
} from './scenario.ts';

export const TROUBLES: readonly Scenario[] = [
  {
    name: 'a-camera-crashes-in-the-middle',
    expects:
      'The camera program dies while somebody is on the porch and is back after two seconds, its tracks counted from 1: two events. A visitor is told once within the cooldown, nobody has left in between.',
    alerts: { visitor: 1, left: 1, 'camera-down': 0 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60 }
  left: { trigger: { type: exit, zone: porch }, labels: [person], cooldownS: 0 }
  camera-down: { trigger: { type: fault, of: [offline], forS: 10 } }
`,
    films: { porch: { actors: [person(visit(10))], cuts: [{ how: 'crash', fromS: 9, toS: 11 }] } },
    endsS: 26,
  },
  {
    name: 'a-camera-crashes-with-two-in-view',
    expects:
      'Two are in view when the program dies; after it they have each other’s numbers. Each event ends, two begin.',
    alerts: { somebody: 4 },
    yaml: `rules:
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(from(-4.2, 6).to(-1, 6, 1).wait(12, 0)),
          person(from(4.2, 6.2).to(1.5, 6.2, 1).wait(12, 0), 2),
        ],
        cuts: [{ how: 'crash', fromS: 8, toS: 9 }],
      },
    },
    endsS: 14,
  },
  {
    name: 'a-camera-falls-silent-in-the-middle',
    expects:
      'No frame for a minute while somebody is on the porch and a car is parked: the events end, but nobody was seen leaving; the camera is told as offline after half a minute.',
    alerts: { left: 0, 'drove-off': 0, 'camera-down': 1 },
    yaml: `rules:
  left: { trigger: { type: exit, zone: porch }, labels: [person] }
  drove-off: { trigger: { type: removed, zone: parking }, labels: [car] }
  camera-down: { trigger: { type: fault, of: [offline], forS: 30 }, severity: critical }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 100, fps: 3 }],
        actors: [car(from(1.5, 8.5).wait(120, 0)), person(toTheDoor().wait(20, 0), 8)],
        cuts: [{ how: 'silence', fromS: 22, toS: 85 }],
      },
    },
    endsS: 100,
  },
  {
    name: 'a-hiccup-of-a-camera',
    expects: 'One second without frames while somebody walks by: one event, one alert.',
    alerts: { somebody: 1 },
    yaml: `rules:
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`,
    films: { porch: { actors: [person(passing())], cuts: [{ how: 'silence', fromS: 4, toS: 5 }] } },
    endsS: 12,
  },
  {
    name: 'one-of-two-cameras-is-offline',
    expects: 'The yard falls silent, the porch goes on: the yard is told, the visitor of the porch as well.',
    alerts: { 'camera-down': 1, visitor: 1 },
    yaml: `${SECOND_CAMERA}rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
  camera-down: { trigger: { type: fault, of: [offline] }, message: "{camera} is {fault}" }
`,
    films: {
      porch: { looks: [{ fromS: 30, toS: 50, fps: 4 }], actors: [person(visit(2), 30)] },
      yard: {
        actors: [],
        looks: [{ fromS: 0, toS: 90, fps: 1 }],
        cuts: [{ how: 'silence', fromS: 5, toS: 200 }],
      },
    },
    endsS: 90,
  },
  {
    name: 'the-detector-breaks',
    expects:
      'The detector is away for ten seconds: not told, that is a restart. Then for a minute: told after thirty seconds, disarmed or not. Once more: told again.',
    alerts: { blind: 2 },
    yaml: `rules:
  blind: { trigger: { type: fault, of: [detector], forS: 30 }, severity: critical, cooldownS: 0 }
`,
    films: { porch: { actors: [], looks: [] } },
    happenings: [
      { s: 1, armed: false, camera: 'porch' },
      { s: 10, fault: 'detector', active: true },
      { s: 20, fault: 'detector', active: false },
      { s: 60, fault: 'detector', active: true },
      { s: 120, fault: 'detector', active: false },
      { s: 180, fault: 'detector', active: true },
    ],
    endsS: 240,
  },
  {
    name: 'the-disk-is-full',
    expects:
      'The disk has no room for an hour: told once, after thirty seconds; the rule for cameras is not meant.',
    alerts: { trouble: 1, 'camera-down': 0 },
    yaml: `rules:
  trouble: { trigger: { type: fault } }
  camera-down: { trigger: { type: fault, of: [offline], forS: 0 } }
`,
    films: { porch: { actors: [], looks: [{ fromS: 0, toS: 60, fps: 1 }] } },
    happenings: [
      { s: 10, fault: 'disk', active: true },
      { s: 3610, fault: 'disk', active: false },
    ],
    endsS: 3700,
  },
  {
    name: 'a-fault-at-night-only',
    expects:
      'The camera is offline from 21:50 on; the rule is for the night from 22:00: told at 22:05, when five minutes of the night have gone by.',
    alerts: { 'camera-down': 1 },
    yaml: `rules:
  camera-down: { trigger: { type: fault, of: [offline], forS: 300 }, schedule: [{ from: "22:00", to: "06:00" }], message: "{camera} is {fault}, {time}" }
`,
    startsAt: '2026-06-03T21:50:00+02:00',
    films: { porch: { actors: [], looks: [] } },
    happenings: [{ s: 5, status: 'offline', camera: 'porch' }],
    endsS: 1800,
  },
  {
    name: 'too-many-boxes',
    expects:
      'The picture is bad for a second and the detector finds persons all over it, in one look: no event, and the visitor keeps his.',
    alerts: { somebody: 1 },
    yaml: `rules:
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [person(passing())],
        phantoms: Array.from({ length: 24 }, (_, n) => {
          const box = [(n % 8) * 0.12, Math.floor(n / 8) * 0.3, 0.08, 0.25] as const;
          return { label: 'person', score: 0.8, box, fromS: 4, toS: 4.2 } as const;
        }),
      },
    },
    endsS: 12,
  },
  {
    name: 'the-same-number-after-a-restart',
    expects:
      'A crash while one is on the porch; who comes next has his number, 1. The wait of the first is not counted for the second.',
    alerts: { waiting: 0 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 15 }, labels: [person] }
`,
    films: {
      porch: {
        actors: [
          person(toTheDoor().wait(4, 0)),
          person(from(1.8, 3.9).wait(8, 0).to(0.3, 4.1, WALK).to(-1.4, 5, WALK), 16),
        ],
        cuts: [{ how: 'crash', fromS: 10, toS: 12 }],
      },
    },
    endsS: 32,
  },
  {
    name: 'a-history-with-a-gap',
    expects:
      'A power cut in a history: the second before it somebody waits on the porch as number 1, the look after it another one does, as number 1. Two events, neither waited for 15 s.',
    alerts: { waiting: 0, somebody: 2 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 15 }, labels: [person] }
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [person(from(1.2, 4).wait(10, 0), 0), person(from(1.3, 3.95).wait(10, 0), 11)],
        cuts: [{ how: 'power', fromS: 9, toS: 11 }],
      },
    },
    endsS: 24,
  },
  {
    name: 'a-slow-detector',
    expects:
      'Looks are told of a second and a half after they were taken. Somebody came 9.5 s after the last one went, ten are allowed: nothing, although the news came later.',
    alerts: { deserted: 0 },
    yaml: `rules:
  deserted: { trigger: { type: absence, zone: pavement, forS: 10 }, labels: [person] }
`,
    films: {
      porch: {
        lagS: 1.5,
        actors: [
          person(from(-1.6, 6).to(4.6, 6, WALK)),
          person(from(4.4, 6.2).to(0, 6.2, 2).wait(5, 0), 15.4),
        ],
      },
    },
    endsS: 20,
  },
];
