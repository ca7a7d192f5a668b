// Entry of the trial process, started by trial.ts: opens model files and runs them, one request after the other, each with a
// session of its own. Whatever the native runtime does with a bad file, it does it here. Ends when its parent does.
import type { GraphSession, PortInfo, TensorArrays, TensorData, TensorKind } from '../core/infer.ts';
import { systemClock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import { openGraph } from './graph-session.ts';
import type { TrialRequest, TrialResult, TrialWish } from './trial-messages.ts';

process.title = 'vedette-trial';
process.on('message', (request: TrialRequest) => void answer(request));
process.on('disconnect', () => process.disconnect?.());

async function answer({ id, file, wish }: TrialRequest): Promise<void> {
  try {
    process.send?.({ id, result: await trial(file, wish) });
  } catch (error) {
    process.send?.({ id, reason: reasonOf(error) });
  }
}

async function trial(file: string, wish: TrialWish): Promise<TrialResult> {
  const clock = systemClock;
  const loadMonoMs = clock.monoMs();
  const session = await openGraph(file, wish);
  try {
    const loadMs = clock.monoMs() - loadMonoMs;
    const feeds = wish.feeds ?? Object.fromEntries(session.inputs.map((port) => [port.name, zeros(port)]));
    for (let i = 0; i < (wish.warmups ?? 0); i += 1) await session.run(feeds);
    const { data, ...measured } = await measure(session, feeds, wish);
    const { inputs, outputs } = session;
    const rssBytes = process.memoryUsage.rss();
    const seriesData: Record<string, TensorData>[] = [];
    for (const one of wish.series ?? []) seriesData.push(await session.run(one));
    const result = { inputs, outputs, loadMs, ...measured, rssBytes };
    return {
      ...result,
      ...(wish.outputs ? { data } : {}),
      ...(wish.series === undefined ? {} : { seriesData }),
    };
  } finally {
    await session.release();
  }
}

/** Of one measurement, whatever was asked for: half an hour of a model that takes a tenth of a millisecond. */
const RUNS_MAX = 2 ** 24;

type Feeds = Readonly<Record<string, TensorData>>;
type Measured = Pick<TrialResult, 'runsMs' | 'cpuMs'> & { readonly data: Record<string, TensorData> };

async function measure(session: GraphSession, feeds: Feeds, wish: TrialWish): Promise<Measured> {
  const clock = systemClock;
  const { runs = 1, perS, forMs = 0 } = wish;
  const runsMs: number[] = [];
  let data: Record<string, TensorData> = {};
  const cpu = process.cpuUsage();
  const beganMonoMs = clock.monoMs();
  const more = (): boolean => runsMs.length < runs || clock.monoMs() - beganMonoMs < forMs;
  while (more() && runsMs.length < RUNS_MAX) {
    const runMonoMs = clock.monoMs();
    data = await session.run(feeds);
    runsMs.push(clock.monoMs() - runMonoMs);
    if (perS === undefined) continue;
    const dueMonoMs = beganMonoMs + (runsMs.length * 1000) / perS;
    if (dueMonoMs > clock.monoMs()) await clock.sleep(dueMonoMs - clock.monoMs());
  }
  const { user, system } = process.cpuUsage(cpu);
  return { runsMs, cpuMs: (user + system) / 1000, data };
}

const ARRAYS: { readonly [T in TensorKind]: new (count: number) => TensorArrays[T] } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
  int32: Int32Array,
  int64: BigInt64Array,
};
/** Of an input whose size is not fixed, or fixed by a file that is to be distrusted. */
const ELEMENTS_MAX = 2 ** 26;

function zeros({ name, type, shape }: PortInfo): TensorData {
  const dims = shape.map((size) => (typeof size === 'number' && size > 0 ? size : 1));
  const count = dims.reduce((product, size) => product * size, 1);
  if (!(type in ARRAYS)) throw new Error(`input '${name}' is ${type}`);
  if (count > ELEMENTS_MAX) {
    throw new Error(`input '${name}' has ${count} elements [${dims}] (limit ${ELEMENTS_MAX})`);
  }
  return { type: type as TensorKind, dims, data: new ARRAYS[type as TensorKind](count) };
}
