// `npm run chaos`: rounds of ill-treatment until the time is over, each judged. Prints every fault as it happens, the
// counts of every round, and the seed; a round in which something is wrong keeps its folder and ends the whole with exit 1.
import { parseArgs } from 'node:util';
import { systemClock } from '../../daemon/platform/clock.ts';
import { reasonOf } from '../../daemon/platform/errors.ts';
import { mixSeed } from '../../daemon/scene/random.ts';
import { HOUSES, type HouseKind } from './house.ts';
import { reportLines, run } from './run.ts';

const HELP = `npm run chaos [-- options]

Ill-treats the real daemon and its surroundings, and checks that nothing was lost. Needs root, mosquitto and faketime.

  --minutes <n>    how long; default 4
  --hours <n>      the same in hours
  --seed <n>       draws all faults; default: the time of day, printed
  --house <kind>   forgetful (broker that restarts empty), asking (and a rude listener), lasting (broker that saves);
                   default: by turns
  --faults <n>     faults per round, a fifth of them SIGKILL of the daemon; default 200
  --keep           keep the folder of every round
  --quiet          do not print every fault`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    hours: { type: 'string' },
    seed: { type: 'string' },
    house: { type: 'string' },
    faults: { type: 'string', default: '200' },
    keep: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const minutes =
    numberOf('minutes', values.minutes ?? '0') + 60 * numberOf('hours', values.hours ?? '0') || 4;
  const seed = numberOf('seed', values.seed ?? String(Math.floor(systemClock.nowMs() / 1000) % 1_000_000));
  const faults = numberOf('faults', values.faults);
  const houses = values.house === undefined ? HOUSES : [houseOf(values.house)];
  const over = new AbortController();
  const timer = systemClock.after(minutes * 60_000, () => over.abort());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => over.abort());
  let wrong = 0;
  for (let round = 0; !over.signal.aborted && wrong === 0; round += 1) {
    const report = await run({
      kind: houses[round % houses.length]!,
      seed: mixSeed(seed, round),
      faults,
      kills: Math.ceil(faults / 5),
      signal: over.signal,
      keep: values.keep,
      print: (line) => console.log(line),
      ...(values.quiet ? {} : { onFault: (line: string) => console.log(line) }),
    });
    console.log(`round ${round + 1} of --seed ${seed}`);
    for (const line of reportLines(report)) console.log(line);
    wrong += report.wrong.length;
  }
  timer.stop();
  return wrong === 0 ? 0 : 1;
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`--${name} is a number, not '${text}'`);
}

function houseOf(text: string): HouseKind {
  const house = HOUSES.find((one) => one === text);
  if (house === undefined) throw new Error(`--house is one of ${HOUSES.join(', ')}, not '${text}'`);
  return house;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(`chaos: ${reasonOf(error)}`);
  return 1;
});
