// Scenarios of zones and lines: who is where, who came from which side.
import { car, from, passing, person, type Scenario, toTheDoor, visit, WALK } from './scenario.ts';

export const PLACES: readonly Scenario[] = [
  {
    name: 'to-the-door-and-back',
    expects:
      'Somebody comes to the door, rings, and goes: one visitor, told when the porch is entered, and one event.',
    alerts: { visitor: 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 0 }
`,
    films: { porch: { actors: [person(visit(), 1)] } },
    endsS: 24,
  },
  {
    name: 'through-the-gate-both-ways',
    expects:
      'Somebody comes in through the gate and goes out again: one alert in, one out, and the rule without a side has both.',
    alerts: { arrived: 1, left: 1, 'gate-used': 2 },
    yaml: `rules:
  arrived: { trigger: { type: cross, line: gate, to: garden }, labels: [person], cooldownS: 0 }
  left: { trigger: { type: cross, line: gate, to: street }, labels: [person], cooldownS: 0 }
  gate-used: { trigger: { type: cross, line: gate }, cooldownS: 0, message: "{label}: {from} to {to}" }
`,
    films: { porch: { actors: [person(visit(2), 1)] } },
    endsS: 24,
  },
  {
    name: 'standing-on-the-line',
    expects:
      'Somebody waits on the kerb, feet on the line, and the box trembles: no crossing on the way, and none while standing.',
    alerts: { 'onto-the-road': 0, 'off-the-road': 0 },
    yaml: `rules:
  onto-the-road: { trigger: { type: cross, line: kerb, to: road }, cooldownS: 0 }
  off-the-road: { trigger: { type: cross, line: kerb, to: pavement }, cooldownS: 0 }
`,
    films: {
      porch: {
        lens: { jitter: 0.015 },
        actors: [
          person(
            from(-4.2, 6.2)
              .to(-0.5, 6.6, WALK)
              .to(0, 7.1, 0.6)
              .wait(20, 0)
              .to(0, 6.4, 0.8)
              .to(4.6, 6.2, WALK),
          ),
        ],
      },
    },
    endsS: 34,
  },
  {
    name: 'pacing-over-the-line',
    expects:
      'Somebody paces from the pavement onto the road and back, three times: three crossings each way.',
    alerts: { 'onto-the-road': 3, 'off-the-road': 3 },
    yaml: `rules:
  onto-the-road: { trigger: { type: cross, line: kerb, to: road }, cooldownS: 0 }
  off-the-road: { trigger: { type: cross, line: kerb, to: pavement }, cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(
            from(-4.2, 6.2)
              .to(0, 6.2, WALK)
              .to(0, 8.2, 1)
              .to(0, 6.2, 1)
              .to(0.4, 8.2, 1)
              .to(0.4, 6.2, 1)
              .to(0.8, 8.2, 1)
              .to(0.8, 6.2, 1)
              .to(4.6, 6.2, WALK),
          ),
        ],
      },
    },
    endsS: 24,
  },
  {
    name: 'past-the-end-of-the-line',
    expects:
      'Somebody comes from the street into the garden over the hedge, to the right of the gate: the gate was not crossed.',
    alerts: { arrived: 0, 'in-the-garden': 1 },
    yaml: `rules:
  arrived: { trigger: { type: cross, line: gate }, cooldownS: 0 }
  in-the-garden: { trigger: { type: enter, zone: porch }, labels: [person] }
`,
    films: { porch: { actors: [person(from(4.3, 6).to(1.3, 6, WALK).to(1.3, 3.9, 0.8).wait(3, 0), 1)] } },
    endsS: 14,
  },
  {
    name: 'out-of-the-door',
    expects:
      'Somebody is first seen on the porch, coming out of the door: in the porch at once, told when sure.',
    alerts: { visitor: 1, 'has-left': 1 },
    yaml: `rules:
  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
  has-left: { trigger: { type: exit, zone: porch }, labels: [person] }
`,
    films: {
      porch: {
        actors: [
          person(from(1.8, 3.9).wait(1.5, 0).to(0.3, 4.1, WALK).to(-1.4, 5, WALK).to(-4.6, 6, WALK), 1),
        ],
      },
    },
    endsS: 14,
  },
  {
    name: 'on-the-edge-of-a-zone',
    expects:
      'Somebody stands on the edge of the pavement for half a minute: entered once, and left once, on going.',
    alerts: { came: 1, went: 1 },
    yaml: `rules:
  came: { trigger: { type: enter, zone: pavement }, cooldownS: 0 }
  went: { trigger: { type: exit, zone: pavement }, cooldownS: 0 }
`,
    films: {
      porch: {
        lens: { jitter: 0.01 },
        actors: [person(from(0, 8.6).to(0, 7.0, 0.9).wait(30, 0).to(0, 8.8, 1).to(7, 9, WALK))],
      },
    },
    endsS: 44,
  },
  {
    name: 'off-the-edge-of-the-picture',
    expects:
      'Somebody walks along the pavement and out of the picture: has left it when the track is given up, once; the rule that asks for 0.8 has it too.',
    alerts: { gone: 1, 'surely-gone': 1 },
    yaml: `rules:
  gone: { trigger: { type: exit, zone: pavement }, labels: [person], cooldownS: 0 }
  surely-gone: { trigger: { type: exit, zone: pavement }, labels: [person], scoreMin: 0.8, cooldownS: 0 }
`,
    films: { porch: { actors: [person(passing())] } },
    endsS: 14,
  },
  {
    name: 'loitering',
    expects:
      'Somebody hangs about on the pavement for forty seconds: told once, twenty seconds after coming.',
    alerts: { loiterer: 1 },
    yaml: `rules:
  loiterer: { trigger: { type: dwell, zone: pavement, forS: 20 }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(
            from(-4.4, 6)
              .to(-1, 6.2, 1)
              .wait(8, 0)
              .to(1, 6, 0.7)
              .wait(12, 0)
              .to(-1, 5.8, 0.7)
              .wait(10, 0)
              .to(4.6, 6, 1.2),
          ),
        ],
      },
    },
    endsS: 50,
  },
  {
    name: 'dwell-interrupted',
    expects:
      'Somebody stands on the porch for 12 s, goes out to the gate, and stands there for 12 s again: never 20 s.',
    alerts: { waiting: 0 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 20 }, labels: [person] }
`,
    films: {
      porch: {
        actors: [
          person(
            toTheDoor()
              .wait(11, 0)
              .to(0.3, 4.1, WALK)
              .to(-1.4, 5, WALK)
              .to(0.3, 4.1, WALK)
              .to(1.2, 4, WALK)
              .wait(11, 0)
              .to(0.3, 4.1, WALK)
              .to(-1.4, 5, WALK)
              .to(-4.6, 6, WALK),
          ),
        ],
      },
    },
    endsS: 46,
  },
  {
    name: 'dwell-over-a-short-loss',
    expects:
      'Somebody waits on the porch and is not found for a second and a half: the wait goes on, told after 10 s of it.',
    alerts: { waiting: 1 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 10 }, labels: [person], message: "{label} waits for {seconds} s, {time}" }
`,
    films: {
      porch: { lens: (s) => (s >= 10 && s < 11.5 ? { misses: 1 } : {}), actors: [person(visit(12))] },
    },
    endsS: 30,
  },
  {
    name: 'in-order',
    expects:
      'From the pavement over the path to the porch within half a minute: the sequence is complete on the porch, once.',
    alerts: { 'all-the-way': 1 },
    yaml: `rules:
  all-the-way: { trigger: { type: sequence, zones: [pavement, path, porch], withinS: 30 }, labels: [person], cooldownS: 0 }
`,
    films: { porch: { actors: [person(visit(2), 1)] } },
    endsS: 22,
  },
  {
    name: 'in-the-wrong-order',
    expects: 'Who comes out of the door and goes has been in all three zones, in the wrong order: nothing.',
    alerts: { 'all-the-way': 0 },
    yaml: `rules:
  all-the-way: { trigger: { type: sequence, zones: [pavement, path, porch], withinS: 30 }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        actors: [
          person(
            from(1.6, 3.9)
              .to(0.3, 4.1, WALK)
              .to(-0.9, 4.5, WALK)
              .to(-1.4, 5, WALK)
              .to(-1.5, 6, WALK)
              .to(-4.6, 6, WALK),
            1,
          ),
        ],
      },
    },
    endsS: 14,
  },
  {
    name: 'in-order-but-too-slow',
    expects:
      'From the pavement to the porch with a chat at the gate of fifteen seconds, where ten are allowed: nothing.',
    alerts: { 'straight-to-the-door': 0 },
    yaml: `rules:
  straight-to-the-door: { trigger: { type: sequence, zones: [pavement, porch], withinS: 10 }, labels: [person] }
`,
    films: {
      porch: {
        actors: [
          person(
            from(-4.3, 6)
              .to(-1.5, 6, WALK)
              .wait(15, 0)
              .to(-1.4, 5, WALK)
              .to(-0.9, 4.5, WALK)
              .to(0.3, 4.1, WALK)
              .to(1.2, 4, WALK)
              .wait(2, 0),
          ),
        ],
      },
    },
    endsS: 28,
  },
  {
    name: 'a-car-is-no-person',
    expects:
      'A car passes, then a runner: the rule for people on the road has the runner, the rule for all has both.',
    alerts: { 'person-on-the-road': 1, 'on-the-road': 2 },
    yaml: `rules:
  person-on-the-road: { trigger: { type: enter, zone: parking }, labels: [person], cooldownS: 0 }
  on-the-road: { trigger: { type: enter, zone: parking }, cooldownS: 0 }
`,
    films: {
      porch: { actors: [car(from(-13, 8.5).to(13, 8.5, 7), 1), person(from(6, 8.4).to(-7, 8.4, 2.8), 6)] },
    },
    endsS: 14,
  },
];
