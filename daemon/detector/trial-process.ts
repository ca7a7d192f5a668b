// Entry of the trial process, started by trial.ts: opens model files and runs them, one request after the other, each with a
// session of its own. Whatever the native runtime does with a bad file, it does it here. Ends when its parent does.
import type { PortInfo, TensorArrays, TensorData, TensorKind } from '../core/infer.ts';
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
    const { runs = 1, perS } = wish;
    const runsMs: number[] = [];
    let data: Record<string, TensorData> = {};
    const cpu = process.cpuUsage();
    const beganMonoMs = clock.monoMs();
    for (let i = 0; i < runs; i += 1) {
      const dueMonoMs = perS === undefined ? 0 : beganMonoMs + (i * 1000) / perS;
      if (dueMonoMs > clock.monoMs()) await clock.sleep(dueMonoMs - clock.monoMs());
      const runMonoMs = clock.monoMs();
      data = await session.run(feeds);
      runsMs.push(clock.monoMs() - runMonoMs);
    }
    const { user, system } = process.cpuUsage(cpu);
    const { inputs, outputs } = session;
    const rssBytes = process.memoryUsage.rss();
    const result = { inputs, outputs, loadMs, runsMs, cpuMs: (user + system) / 1000, rssBytes };
    return wish.outputs ? { ...result, data } : result;
  } finally {
    await session.release();
  }
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
