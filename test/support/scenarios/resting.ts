// Scenarios of what stands still: cars that park and leave, things that are put down and taken, places with nobody in them.
import { car, from, passing, person, type Scenario, visit, WALK } from './scenario.ts';

const PARKED = `rules:
  parked: { trigger: { type: stationary, zone: parking, forS: 60 }, labels: [car], cooldownS: 0 }
  drove-off: { trigger: { type: removed, zone: parking, forS: 300 }, labels: [car], cooldownS: 0 }
`;

export const RESTING: readonly Scenario[] = [
  {
    name: 'a-car-parks-for-an-hour',
    expects:
      'A car parks, people walk past in front of it now and then, and after an hour it drives off: told once as parked, once as gone, one event.',
    alerts: { parked: 1, 'drove-off': 1 },
    yaml: PARKED,
    films: {
      porch: {
        looks: [
          { fromS: 0, toS: 20, fps: 3 },
          { fromS: 20, toS: 600, fps: 0.025 },
          { fromS: 600, toS: 611, fps: 3 },
          { fromS: 611, toS: 2400, fps: 0.025 },
          { fromS: 2400, toS: 2411, fps: 3 },
          { fromS: 2411, toS: 3600, fps: 0.025 },
          { fromS: 3600, toS: 3614, fps: 3 },
        ],
        actors: [
          car(from(-9, 8.5).to(0.2, 8.5, 5).wait(3598, 0).to(10, 8.5, 4)),
          person(passing(6.2), 600),
          person(from(4.4, 6).to(-4.6, 6, WALK), 2401),
        ],
      },
    },
    endsS: 3630,
  },
  {
    name: 'a-van-before-a-parked-car',
    expects:
      'A van stands before the parked car for twenty seconds and hides it whole: the car has not gone.',
    alerts: { parked: 1, 'drove-off': 0 },
    yaml: `rules:
  parked: { trigger: { type: stationary, zone: parking }, labels: [car], cooldownS: 0 }
  drove-off: { trigger: { type: removed, zone: parking }, labels: [car], cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 60, fps: 3 }],
        lens: (s) => (s >= 25 && s < 45 ? { misses: 1 } : {}),
        actors: [car(from(-9, 8.5).to(0.2, 8.5, 5).wait(80, 0))],
      },
    },
    endsS: 62,
  },
  {
    name: 'a-car-stops-and-goes',
    expects:
      'A car waits for eight seconds and goes on: it has not parked, and nothing that was at rest is gone.',
    alerts: { parked: 0, 'drove-off': 0 },
    yaml: `rules:
  parked: { trigger: { type: stationary, zone: parking }, labels: [car] }
  drove-off: { trigger: { type: removed, zone: parking }, labels: [car] }
`,
    films: { porch: { actors: [car(from(-9, 8.5).to(0.2, 8.5, 5).wait(8, 0).to(11, 8.5, 5))] } },
    endsS: 18,
  },
  {
    name: 'a-delivery',
    expects:
      'A car stops for two minutes, the driver goes to the door and back: parked is told after a minute, five minutes it was not.',
    alerts: { parked: 1, 'drove-off': 0, visitor: 1 },
    yaml: `${PARKED}  visitor: { trigger: { type: enter, zone: porch }, labels: [person] }
`,
    films: {
      porch: {
        looks: [
          { fromS: 0, toS: 18, fps: 4 },
          { fromS: 18, toS: 30, fps: 1 },
          { fromS: 30, toS: 48, fps: 4 },
          { fromS: 48, toS: 118, fps: 0.5 },
          { fromS: 118, toS: 132, fps: 4 },
        ],
        actors: [car(from(-9, 8.5).to(1, 8.5, 5).wait(118, 0).to(11, 8.5, 4)), person(visit(2), 31)],
      },
    },
    endsS: 136,
  },
  {
    name: 'a-parked-car-shakes',
    expects:
      'Wind and poor light shake the box of a parked car, and it is often not found: still one car, one rest, told once.',
    alerts: { parked: 1, 'drove-off': 0 },
    yaml: `rules:
  parked: { trigger: { type: stationary, zone: parking }, labels: [car], cooldownS: 0 }
  drove-off: { trigger: { type: removed, zone: parking }, labels: [car], cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 90, fps: 3 }],
        lens: { misses: 0.3, jitter: 0.03, scores: [0.68, 0.9] },
        actors: [car(from(-9, 8.5).to(-3, 8.5, 4).to(0.2, 8.5, 2).wait(100, 0))],
      },
    },
    endsS: 90,
  },
  {
    name: 'a-bicycle-is-taken',
    expects:
      'A bicycle leans at the porch; somebody comes and rides off with it: told that it is gone, once.',
    alerts: { 'bicycle-gone': 1 },
    yaml: `rules:
  bicycle-gone: { trigger: { type: removed, forS: 10 }, labels: [bicycle], severity: critical, cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 50, fps: 4 }],
        actors: [
          { label: 'bicycle', route: from(-0.3, 6.4).wait(34, 0).to(4.8, 6.4, 2) },
          person(from(-4.4, 6.7).to(-0.4, 6.7, WALK).wait(3, 0).to(4.8, 6.7, 2), 28),
        ],
      },
    },
    endsS: 50,
  },
  {
    name: 'a-bicycle-is-passed',
    expects: 'Two walk past in front of the bicycle and hide it for a moment: it is not gone.',
    alerts: { 'bicycle-gone': 0 },
    yaml: `rules:
  bicycle-gone: { trigger: { type: removed, forS: 10 }, labels: [bicycle] }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 50, fps: 4 }],
        actors: [
          { label: 'bicycle', route: from(-0.3, 6.7).wait(60, 0) },
          person(passing(5.8), 26),
          person(from(4.4, 5.5).to(-4.6, 5.5, 1), 32),
        ],
      },
    },
    endsS: 50,
  },
  {
    name: 'nobody-for-a-minute',
    expects:
      'Nobody on the pavement for a minute is told once; somebody comes, and a minute after is told again.',
    alerts: { deserted: 2 },
    yaml: `rules:
  deserted: { trigger: { type: absence, zone: pavement, forS: 60 }, labels: [person], cooldownS: 0 }
`,
    films: { porch: { actors: [person(passing(), 100)] } },
    endsS: 240,
  },
  {
    name: 'a-dog-is-not-the-guard',
    expects: 'The guard must be seen within each half minute. A dog is there, the guard is not: told.',
    alerts: { 'no-guard': 1 },
    yaml: `rules:
  no-guard: { trigger: { type: absence, forS: 30 }, labels: [person] }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 45, fps: 2 }],
        actors: [{ label: 'dog', route: from(-1, 6).wait(60, 0) }, person(from(3, 6).to(4.6, 6, 1))],
      },
    },
    endsS: 45,
  },
  {
    name: 'absence-while-the-camera-is-away',
    expects:
      'The camera falls silent for two minutes: nobody can say that nobody was there. Half a minute after it is back, it is told.',
    alerts: { deserted: 1 },
    yaml: `rules:
  deserted: { trigger: { type: absence, forS: 30 }, labels: [person], cooldownS: 0 }
`,
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 190, fps: 2 }],
        actors: [person(from(0, 6).wait(12, 0).to(4.6, 6, 1))],
        cuts: [{ how: 'silence', fromS: 30, toS: 150 }],
      },
    },
    endsS: 190,
  },
];
