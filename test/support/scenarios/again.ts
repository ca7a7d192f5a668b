// Scenarios of second times: what holds only later in a visit, what happens twice, what a rule must forget in between.
import { car, from, person, type Scenario, toTheDoor, visit, WALK } from './scenario.ts';

export const AGAIN: readonly Scenario[] = [
  {
    name: 'tall-enough-later',
    expects:
      'Somebody comes over the road towards the house, on the pavement at once too small for the rule, near the hedge tall enough: told then, once.',
    alerts: { near: 1 },
    yaml: `rules:
  near: { trigger: { type: enter, zone: pavement }, labels: [person], size: { heightMin: 0.42 }, cooldownS: 0 }
`,
    films: { porch: { actors: [person(from(0.3, 9).to(0.3, 5.3, 0.7).wait(3, 0).to(4.6, 5.6, WALK))] } },
    endsS: 16,
  },
  {
    name: 'sure-enough-later',
    expects:
      'The scores are middling at first and high after five seconds: an event at once, the alert that asks for 0.85 later.',
    alerts: { certain: 1 },
    yaml: `rules:
  certain: { trigger: { type: enter, zone: pavement }, labels: [person], scoreMin: 0.85, cooldownS: 0 }
`,
    films: {
      porch: {
        lens: (s) => ({ scores: s < 5 ? [0.71, 0.8] : [0.88, 0.95] }),
        actors: [person(from(-4.4, 6.2).to(4.6, 6.2, 0.8))],
      },
    },
    endsS: 14,
  },
  {
    name: 'the-window-closes-during-a-wait',
    expects:
      'Somebody begins to wait at 21:59:50; the rule asks for 20 s and is in force until 22:00: nothing.',
    alerts: { waiting: 0 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 20 }, labels: [person], schedule: [{ from: "08:00", to: "22:00" }] }
`,
    startsAt: '2026-06-03T21:59:45+02:00',
    films: { porch: { looks: [{ fromS: 0, toS: 44, fps: 3 }], actors: [person(visit(28))] } },
    endsS: 46,
  },
  {
    name: 'twice-all-the-way',
    expects:
      'From the pavement to the porch, back to the pavement, and to the porch again: the sequence is complete twice.',
    alerts: { 'all-the-way': 2 },
    yaml: `rules:
  all-the-way: { trigger: { type: sequence, zones: [pavement, path, porch], withinS: 30 }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(
            toTheDoor()
              .wait(1, 0)
              .to(0.3, 4.1, WALK)
              .to(-0.9, 4.5, WALK)
              .to(-1.4, 5, WALK)
              .to(-1.5, 6, WALK)
              .to(-1.4, 5, WALK)
              .to(-0.9, 4.5, WALK)
              .to(0.3, 4.1, WALK)
              .to(1.2, 4, WALK)
              .wait(2, 0),
          ),
        ],
      },
    },
    endsS: 20,
  },
  {
    name: 'parked-in-two-places',
    expects:
      'A car parks for half a minute, moves on by some metres, and parks again: come to rest twice, gone from its place once.',
    alerts: { parked: 2, 'moved-off': 1 },
    yaml: `rules:
  parked: { trigger: { type: stationary }, labels: [car], cooldownS: 0 }
  moved-off: { trigger: { type: removed, forS: 10 }, labels: [car], cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 62, fps: 3 }],
        actors: [
          car(from(-7, 8.5).to(-3.5, 8.5, 3).to(-2, 8.5, 1.5).wait(30, 0).to(2.5, 8.5, 2).wait(40, 0)),
        ],
      },
    },
    endsS: 62,
  },
  {
    name: 'offline-again-and-again',
    expects: 'The camera is offline three times in ten minutes, the cooldown is half an hour: told once.',
    alerts: { 'camera-down': 1, 'each-time': 3 },
    yaml: `rules:
  camera-down: { trigger: { type: fault, of: [offline] }, cooldownS: 1800 }
  each-time: { trigger: { type: fault, of: [offline], forS: 5 }, cooldownS: 0 }
`,
    films: { porch: { actors: [], looks: [] } },
    happenings: [60, 200, 400].flatMap((s) => [
      { s, status: 'offline', camera: 'porch' } as const,
      { s: s + 50, status: 'online', camera: 'porch' } as const,
    ]),
    endsS: 600,
  },
  {
    name: 'armed-or-not',
    expects: 'The house is disarmed all the time. A rule that says always is told, the usual one is not.',
    alerts: { visitor: 0, doorbell: 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
  doorbell: { trigger: { type: enter, zone: porch }, labels: [person], while: always, severity: info }
`,
    films: { porch: { actors: [person(visit(1), 1)] } },
    happenings: [{ s: 0.5, armed: false, camera: 'porch' }],
    endsS: 20,
  },
  {
    name: 'a-reload-while-a-group-is-open',
    expects:
      'Two come, the configuration is loaded anew before the group is told: those two are told at once. Nobody is told twice: the rule is the same.',
    alerts: { visitors: 1 },
    yaml: `rules:
  visitors: { trigger: { type: enter, zone: porch }, labels: [person], groupS: 30, cooldownS: 60 }
`,
    later: {
      'the-same-and-one-more': `rules:
  visitors: { trigger: { type: enter, zone: porch }, labels: [person], groupS: 30, cooldownS: 60 }
  car: { trigger: { type: appear }, labels: [car] }
`,
    },
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 16, fps: 4 }],
        actors: [person(toTheDoor().wait(9, 0)), person(toTheDoor().wait(9, 0), 2)],
      },
    },
    happenings: [{ s: 10, load: 'the-same-and-one-more' }],
    endsS: 40,
  },
  {
    name: 'two-where-one-hides-the-other',
    expects:
      'Two stand on the pavement, one behind the other for some seconds, and go separate ways: two events in all.',
    alerts: { somebody: 2 },
    yaml: `rules:
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(from(-4.3, 6.8).to(0, 6.8, WALK).wait(8, 0).to(-4.5, 6.8, WALK)),
          person(
            from(4.4, 5.8).to(0.1, 5.8, WALK).wait(1, 0).to(0.9, 5.8, 0.8).wait(2, 0).to(4.6, 5.8, WALK),
          ),
        ],
      },
    },
    endsS: 20,
  },
];
