// `npm run bench [-- pipeline idle heap detector pictures scene store places rules tracking regions motion false-alerts feed ladder acknowledged quantize]`: measures and prints one table. Figures
// are ratios in one run where they can be; quote them with the machine and the date.
import { cpus, totalmem } from 'node:os';
import type { BenchLine } from './figures.ts';

const BENCHES: Readonly<Record<string, () => Promise<BenchLine[]>>> = {
  pipeline: async () => (await import('./pipeline.ts')).benchPipeline(),
  idle: async () => (await import('./idle.ts')).benchIdle(),
  heap: async () => (await import('./heap.ts')).benchHeap(),
  detector: async () => (await import('./detector.ts')).benchDetector(),
  pictures: async () => (await import('./pictures.ts')).benchPictures(),
  scene: async () => (await import('./scene.ts')).benchScene(),
  store: async () => (await import('./store.ts')).benchStore(),
  places: async () => (await import('./places.ts')).benchPlaces(),
  rules: async () => (await import('./rules.ts')).benchRules(),
  tracking: async () => (await import('./tracking.ts')).benchTracking(),
  regions: async () => (await import('./regions.ts')).benchRegions(),
  'false-alerts': async () => (await import('./false-alerts.ts')).benchFalseAlerts(),
  motion: async () => (await import('./motion.ts')).benchMotion(),
  feed: async () => (await import('./feed.ts')).benchFeed(),
  backtest: async () => (await import('./backtest.ts')).benchBacktest(),
  ladder: async () => (await import('./ladder.ts')).benchLadder(),
  acknowledged: async () => (await import('./acknowledged.ts')).benchAcknowledged(),
  quantize: async () => (await import('./quantize.ts')).benchQuantize(),
};

/** Too long to come unasked. */
const BY_NAME_ONLY: readonly string[] = ['false-alerts', 'quantize'];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => BENCHES[name] === undefined);
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(64);
}
const names = asked.length > 0 ? asked : Object.keys(BENCHES).filter((name) => !BY_NAME_ONLY.includes(name));
const [cpu] = cpus();
console.log(
  `${cpus().length} × ${cpu?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
);
console.log(new Date().toISOString().slice(0, 10));
const lines: BenchLine[] = [];
for (const name of names) {
  console.log(`measuring ${name} …`);
  lines.push(...((await BENCHES[name]?.()) ?? []));
}
console.log('\n| what | measured | to reach |\n| --- | --- | --- |');
for (const { what, value, target } of lines) console.log(`| ${what} | ${value} | ${target} |`);
