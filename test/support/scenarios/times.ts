// Scenarios of schedules, clocks and nights with 23 or 25 hours.
import type { Film, Looks } from './scenario.ts';
import { from, person, type Scenario, toTheDoor, visit, WALK } from './scenario.ts';

const VISIT_S = 22;

/** Somebody comes to the door at each of these seconds. */
function visitsAt(...seconds: readonly number[]): Film {
  return {
    actors: seconds.map((s) => person(visit(1, 1.6), s)),
    looks: seconds.map((s): Looks => ({ fromS: s, toS: s + VISIT_S - 4, fps: 4 })),
  };
}

const at = (hours: number, minutes = 0): number => (hours * 60 + minutes) * 60;

/** A rule for the porch in these windows. */
const during = (schedule: string): string => `rules:
  visitor:
    trigger: { type: enter, zone: porch }
    labels: [person]
    schedule: [${schedule}]
    cooldownS: 0
    message: "{label} at {time}"
`;

export const TIMES: readonly Scenario[] = [
  {
    name: 'from-ten-to-six',
    expects:
      'A night from 22:00 to 06:00: visits at 21:58, 22:05, 05:50 and 06:02; the second and third are told.',
    alerts: { visitor: 2 },
    yaml: during('{ from: "22:00", to: "06:00" }'),
    startsAt: '2026-06-03T21:00:00+02:00',
    films: { porch: visitsAt(at(0, 58), at(1, 5), at(8, 50), at(9, 2)) },
    endsS: at(9, 5),
  },
  {
    name: 'the-night-of-a-friday',
    expects:
      'Fridays from 22:00 to 06:00: a visit on Friday 23:00 and one on Saturday 01:00, which is still that night, are told; one on Saturday 23:00 is not.',
    alerts: { visitor: 2 },
    yaml: during('{ days: [fri], from: "22:00", to: "06:00" }'),
    startsAt: '2026-06-05T22:00:00+02:00',
    films: { porch: visitsAt(at(1), at(3), at(25)) },
    endsS: at(25, 2),
  },
  {
    name: 'over-midnight-of-a-year',
    expects:
      'From 23:50 to 00:10 on New Year’s Eve: visits at 23:55 and 00:05 are told, one at 00:15 is not.',
    alerts: { visitor: 2 },
    yaml: during('{ from: "23:50", to: "00:10" }'),
    startsAt: '2026-12-31T23:50:00+01:00',
    films: { porch: visitsAt(at(0, 5), at(0, 15), at(0, 25)) },
    endsS: at(0, 27),
  },
  {
    name: 'the-night-the-clocks-go-forward',
    expects:
      'From 01:30 to 03:30 in the night without 02:00 to 03:00: 01:45 and 03:15, half an hour later, are told; 03:45 is not.',
    alerts: { visitor: 2 },
    yaml: during('{ from: "01:30", to: "03:30" }'),
    startsAt: '2026-03-29T01:00:00+01:00',
    films: { porch: visitsAt(at(0, 45), at(1, 15), at(1, 45)) },
    endsS: at(1, 48),
  },
  {
    name: 'the-night-the-clocks-go-back',
    expects:
      'From 02:00 to 03:00 in the night that has this hour twice: told at 02:30, an hour later at 02:30 again, not at 03:10.',
    alerts: { visitor: 2 },
    yaml: during('{ from: "02:00", to: "03:00" }'),
    startsAt: '2026-10-25T01:30:00+02:00',
    films: { porch: visitsAt(at(0, 1), at(1), at(2), at(2, 40)) },
    endsS: at(2, 42),
  },
  {
    name: 'from-sunset-to-sunrise',
    expects:
      'From half an hour before sunset (about 21:20 in Berlin in June) to sunrise (about 04:48): told at 21:00 and 04:30, not at 20:40 and 05:00.',
    alerts: { visitor: 2 },
    yaml: during('{ from: sunset-00:30, to: sunrise }'),
    startsAt: '2026-06-03T20:00:00+02:00',
    films: { porch: visitsAt(at(0, 40), at(1), at(8, 30), at(9)) },
    endsS: at(9, 3),
  },
  {
    name: 'there-before-the-window-opens',
    expects:
      'Somebody is on the porch when the window opens at 22:00 and stays: that visit was seen before, nothing. The next visit is told.',
    alerts: { visitor: 1 },
    yaml: during('{ from: "22:00", to: "06:00" }'),
    startsAt: '2026-06-03T21:59:30+02:00',
    films: {
      porch: {
        looks: [{ fromS: 0, toS: 75, fps: 3 }],
        actors: [
          person(toTheDoor().wait(40, 0).to(-1.4, 5, WALK).to(-4.6, 6, WALK), 5),
          person(toTheDoor(), 66),
        ],
      },
    },
    endsS: 75,
  },
  {
    name: 'opening-hours',
    expects:
      'The shop has nobody from 08:50 on; it opens at 09:00, and five minutes of that without anybody are told, once.',
    alerts: { empty: 1 },
    yaml: `rules:
  empty:
    trigger: { type: absence, forS: 300 }
    labels: [person]
    schedule: [{ days: [mon, tue, wed, thu, fri], from: "09:00", to: "18:00" }]
    message: "nobody in the shop, {time}"
`,
    startsAt: '2026-06-03T08:50:00+02:00',
    films: { porch: { actors: [person(from(0, 6).to(4.6, 6, WALK))] } },
    endsS: 1800,
  },
  {
    name: 'the-clock-is-set-back',
    expects:
      'The wall clock is set back by an hour while somebody waits on the porch: the wait of 20 s and the cooldown of a minute are as long as ever. The event ends before it began, as its clock says.',
    alerts: { waiting: 1, visitor: 2 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 20 }, labels: [person], cooldownS: 0 }
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60 }
`,
    films: {
      porch: {
        looks: [
          { fromS: 0, toS: 50, fps: 3 },
          { fromS: 70, toS: 86, fps: 3 },
        ],
        actors: [person(visit(26)), person(visit(2), 71)],
      },
    },
    happenings: [{ s: 15, clockS: -3600 }],
    endsS: 90,
  },
  {
    name: 'a-video-played-fast',
    expects:
      'A recording is played eight times as fast: in its own time somebody waits for 20 s, and two visits are 70 s apart. The cooldown of a minute is over.',
    alerts: { waiting: 1, visitor: 2 },
    yaml: `rules:
  waiting: { trigger: { type: dwell, zone: porch, forS: 20 }, labels: [person], cooldownS: 0 }
  visitor: { trigger: { type: enter, zone: porch }, labels: [person], cooldownS: 60 }
`,
    films: {
      porch: {
        pace: 8,
        looks: [
          { fromS: 0, toS: 50, fps: 3 },
          { fromS: 70, toS: 86, fps: 3 },
        ],
        actors: [person(visit(26)), person(visit(2), 70)],
      },
    },
    endsS: 14,
  },
];
