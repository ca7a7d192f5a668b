// Scenarios of who is who: people who meet, hide, come together; weather; what a detector sees that is not there.
import type { Actor } from '../street.ts';
import { from, passing, person, type Scenario, toTheDoor, visit, WALK } from './scenario.ts';

const APPEARS = `rules:
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`;

/** One of a family on the way to the door. */
const guest = (startS: number, z: number, doorX: number): Actor =>
  person(
    from(-4.3, z)
      .to(-1.5, z, WALK)
      .to(-1.4, 5, WALK)
      .to(-0.9, 4.5, WALK)
      .to(0.3, 4.2, WALK)
      .to(doorX, 3.95, WALK)
      .wait(14, 0),
    startS,
  );

/** Comes to a place on the pavement, stays, goes. */
const bystander = (startS: number, fromX: number, x: number, waitS: number): Actor =>
  person(from(fromX, 6.2).to(x, 6.1, 1.4).wait(waitS, 0).to(fromX, 6.3, 1.4), startS);

export const PEOPLE: readonly Scenario[] = [
  {
    name: 'two-people-meet',
    expects:
      'Two come from both sides, talk for some seconds, and go back the way each came: two events, neither crosses.',
    alerts: { somebody: 2, crossed: 0 },
    yaml: `${APPEARS}  crossed: { trigger: { type: cross, line: middle }, cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(from(-4.3, 6).to(-0.6, 6, WALK).wait(5, 0).to(-4.5, 6, WALK)),
          person(from(4.4, 6.3).to(0.6, 6.3, WALK).wait(5, 0).to(4.6, 6.3, WALK)),
        ],
      },
    },
    endsS: 15,
  },
  {
    name: 'two-people-pass',
    expects:
      'Two pass each other on the pavement, one hidden behind the other for a moment: each crosses once, its own way.',
    alerts: { 'to-the-right': 1, 'to-the-left': 1, somebody: 2 },
    yaml: `${APPEARS}  to-the-right: { trigger: { type: cross, line: middle, to: right }, cooldownS: 0 }
  to-the-left: { trigger: { type: cross, line: middle, to: left }, cooldownS: 0 }
`,
    films: { porch: { actors: [person(passing(5.9)), person(from(4.4, 6.6).to(-4.6, 6.6, 1.2))] } },
    endsS: 12,
  },
  {
    name: 'behind-a-tree',
    expects: 'Somebody walks behind a tree and out again: one event, one alert.',
    alerts: { somebody: 1 },
    yaml: APPEARS,
    films: {
      porch: { actors: [person(passing(6.4))], screens: [{ x0: -0.4, x1: 0.4, z: 5, height: 4 }] },
    },
    endsS: 12,
  },
  {
    name: 'a-crowd-forms-and-dissolves',
    expects:
      'Four come together, three are enough; told once they have been three for five seconds. They go, come again, and it is told again.',
    alerts: { crowd: 2 },
    yaml: `rules:
  crowd: { trigger: { type: count, zone: pavement, atLeast: 3, forS: 5 }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        lens: { misses: 0.08 },
        looks: [{ fromS: 0, toS: 66, fps: 2 }],
        actors: [
          bystander(0, -4.3, -2, 20),
          bystander(1, 4.4, 2.4, 20),
          bystander(4, -4.3, -0.7, 14),
          bystander(6, 4.4, 0.9, 14),
          bystander(36, -4.3, -2, 20),
          bystander(37, 4.4, 2.4, 20),
          bystander(38, -4.3, -0.5, 16),
        ],
      },
    },
    endsS: 70,
  },
  {
    name: 'two-are-no-crowd',
    expects: 'Two on the pavement and one who passes on the road: never three on the pavement.',
    alerts: { crowd: 0 },
    yaml: `rules:
  crowd: { trigger: { type: count, zone: pavement, atLeast: 3 }, labels: [person] }
`,
    films: {
      porch: {
        actors: [
          bystander(0, -4.3, -1.5, 10),
          bystander(1, 4.4, 1.8, 10),
          person(from(-6, 9.5).to(6.5, 9.5, 1.6), 3),
        ],
      },
    },
    endsS: 20,
  },
  {
    name: 'the-desk-is-left',
    expects:
      'The desk (the porch) must have one: told when it has had nobody for ten seconds, not for an absence of four.',
    alerts: { unattended: 1 },
    yaml: `rules:
  unattended: { trigger: { type: count, zone: porch, atMost: 0, forS: 10 }, labels: [person], cooldownS: 0, message: "nobody at the desk for {seconds} s" }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 60, fps: 3 }],
        actors: [
          person(
            from(1.2, 4)
              .wait(15, 0)
              .to(0.3, 4.1, WALK)
              .to(-0.6, 4.5, WALK)
              .wait(1, 0)
              .to(0.3, 4.1, WALK)
              .to(1.2, 4, WALK)
              .wait(10, 0)
              .to(0.3, 4.1, WALK)
              .to(-1.4, 5, WALK)
              .to(-4.6, 6, WALK),
          ),
        ],
      },
    },
    endsS: 60,
  },
  {
    name: 'a-family-arrives',
    expects:
      'Four of a family come to the door within some seconds: one alert with a count of four, when ten seconds are over.',
    alerts: { visitors: 1 },
    yaml: `rules:
  visitors:
    trigger: { type: enter, zone: porch }
    labels: [person]
    groupS: 10
    message: "{count} at the door"
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 24, fps: 4 }],
        actors: [guest(0, 5.6, 1.7), guest(1.2, 6, 1.2), guest(2.6, 5.6, 0.8), guest(4, 6, 0.35)],
      },
    },
    endsS: 26,
  },
  {
    name: 'a-straggler-after-the-group',
    expects:
      'Two come, a third twenty seconds after: the group of two is told, the third falls into its cooldown.',
    alerts: { visitors: 1 },
    yaml: `rules:
  visitors: { trigger: { type: enter, zone: porch }, labels: [person], groupS: 10, cooldownS: 60 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 46, fps: 3 }],
        actors: [guest(0, 5.6, 1.7), guest(1.5, 6, 1.2), guest(21, 5.8, 0.5)],
      },
    },
    endsS: 48,
  },
  {
    name: 'two-groups',
    expects: 'Two come, and a minute later two others: two alerts, each with a count of two.',
    alerts: { visitors: 2 },
    yaml: `rules:
  visitors: { trigger: { type: enter, zone: porch }, labels: [person], groupS: 10, cooldownS: 20 }
`,
    films: {
      porch: {
        looks: [
          { fromS: 0, toS: 26, fps: 4 },
          { fromS: 60, toS: 88, fps: 4 },
        ],
        actors: [guest(0, 5.6, 1.7), guest(1.5, 6, 1.2), guest(60, 5.8, 1.5), guest(61.5, 6, 0.8)],
      },
    },
    endsS: 90,
  },
  {
    name: 'a-dog-on-a-walk',
    expects:
      'Somebody walks a dog: one event each; the rule for dogs is told of the dog, the other of the person.',
    alerts: { dog: 1, somebody: 1 },
    yaml: `${APPEARS}  dog: { trigger: { type: enter, zone: pavement }, labels: [dog], severity: info }
`,
    films: {
      porch: {
        actors: [person(passing(6.2, 1.1)), { label: 'dog', route: from(-3.4, 5.9).to(5.4, 5.9, 1.1) }],
      },
    },
    endsS: 14,
  },
  {
    name: 'a-cat-at-night',
    expects:
      'A cat crosses the garden in the dark, now and then taken for a dog: one event; the rule for people at the door stays silent, the rule for cats is told once.',
    alerts: { 'person-at-night': 0, cat: 1 },
    yaml: `rules:
  person-at-night: { trigger: { type: enter, zone: porch }, labels: [person], schedule: [{ from: sunset, to: sunrise }], severity: critical }
  cat: { trigger: { type: enter, zone: porch }, labels: [cat], severity: info, cooldownS: 0 }
`,
    startsAt: '2026-06-03T23:30:00+02:00',
    films: {
      porch: {
        seed: 2,
        lens: {
          misses: 0.15,
          jitter: 0.03,
          scores: [0.68, 0.88],
          mistakes: { label: 'cat', for: 'dog', share: 0.3 },
        },
        actors: [
          {
            label: 'cat',
            route: from(-2.4, 4.6)
              .to(-1, 4.4, 0.7)
              .wait(2, 0)
              .to(0.6, 4, 0.6)
              .wait(3, 0)
              .to(1.9, 3.9, 0.6)
              .wait(4, 0),
          },
        ],
      },
    },
    endsS: 22,
  },
  {
    name: 'near-and-far',
    expects:
      'Only who is near is meant: taller than 0.35 of the picture. One walks along the far pavement, one along ours.',
    alerts: { near: 1, any: 2 },
    yaml: `rules:
  near: { trigger: { type: appear }, labels: [person], size: { heightMin: 0.35 }, cooldownS: 0 }
  any: { trigger: { type: appear }, labels: [person], cooldownS: 0 }
`,
    films: { porch: { actors: [person(passing(6)), person(from(6, 13).to(-6, 13, 1.4), 2)] } },
    endsS: 14,
  },
  {
    name: 'score-too-low',
    expects:
      'Something like a person is found with middling scores all along: never sure, so no event and no alert.',
    alerts: { somebody: 0 },
    yaml: APPEARS,
    films: { porch: { lens: { scores: [0.5, 0.68] }, actors: [person(passing())] } },
    endsS: 12,
  },
  {
    name: 'sure-but-not-sure-enough',
    expects: 'A person with a median near 0.8 is an event, and enough for one rule; the other asks for 0.9.',
    alerts: { somebody: 1, certain: 0 },
    yaml: `${APPEARS}  certain: { trigger: { type: appear }, labels: [person], scoreMin: 0.9 }
`,
    films: { porch: { lens: { scores: [0.74, 0.86] }, actors: [person(passing())] } },
    endsS: 12,
  },
  {
    name: 'a-flash-of-one-frame',
    expects:
      'The detector is very sure of a person in one single frame, and of another in two, a second apart: no event, no alert.',
    alerts: { somebody: 0 },
    yaml: APPEARS,
    films: {
      porch: {
        actors: [],
        phantoms: [
          { label: 'person', score: 0.97, box: [0.4, 0.4, 0.1, 0.4], fromS: 2, toS: 2.2 },
          { label: 'person', score: 0.97, box: [0.6, 0.3, 0.1, 0.4], fromS: 5, toS: 5.2 },
          { label: 'person', score: 0.97, box: [0.6, 0.3, 0.1, 0.4], fromS: 6, toS: 6.2 },
        ],
      },
    },
    endsS: 10,
  },
  {
    name: 'a-coat-on-a-hook',
    expects: 'A coat is taken for a person in every third look, all the time: the median never says so.',
    alerts: { somebody: 0 },
    yaml: APPEARS,
    films: {
      porch: {
        actors: [],
        phantoms: Array.from({ length: 30 }, (_, n) => {
          return {
            label: 'person',
            score: 0.86,
            box: [0.7, 0.4, 0.09, 0.36],
            fromS: n * 0.6,
            toS: n * 0.6 + 0.2,
          } as const;
        }),
      },
    },
    endsS: 20,
  },
  {
    name: 'rain',
    expects:
      'A visit in heavy rain, a quarter of the looks in vain, and streaks taken for birds: one visitor, one event.',
    alerts: { visitor: 1, somebody: 1 },
    yaml: `${APPEARS}  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        lens: { misses: 0.25, jitter: 0.035, scores: [0.66, 0.9] },
        actors: [person(visit(4), 1)],
        phantoms: [2, 5, 9, 12].map((fromS) => {
          return {
            label: 'bird',
            score: 0.72,
            box: [0.1 + fromS / 20, 0.2, 0.02, 0.1],
            fromS,
            toS: fromS + 0.2,
          } as const;
        }),
      },
    },
    endsS: 24,
  },
  {
    name: 'flicker',
    expects: 'Lamps flicker: for half a second in each two the scores sag. The walk is one event.',
    alerts: { somebody: 1 },
    yaml: APPEARS,
    films: {
      porch: {
        lens: (s) => (s % 2 < 0.5 ? { scores: [0.25, 0.45] } : {}),
        actors: [person(passing(6.2, 1))],
      },
    },
    endsS: 14,
  },
  {
    name: 'lost-for-longer',
    expects:
      'Nobody is found for five seconds, then the same person again further on: two events, that is honest; the rule has a cooldown.',
    alerts: { somebody: 1 },
    yaml: `rules:
  somebody: { trigger: { type: appear }, labels: [person], cooldownS: 30 }
`,
    films: {
      porch: { lens: (s) => (s > 3 && s < 8 ? { misses: 1 } : {}), actors: [person(passing(6.2, 0.7))] },
    },
    endsS: 18,
  },
  {
    name: 'one-frame-a-second',
    expects: 'A slow board looks once a second: the visit is one event and one alert all the same.',
    alerts: { visitor: 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 30, fps: 1 }],
        actors: [person(toTheDoor(0.9).wait(8, 0).to(-1.4, 5, 1).to(-4.6, 6, 1), 1)],
      },
    },
    endsS: 30,
  },
];
