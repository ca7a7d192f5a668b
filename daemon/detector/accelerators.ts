// Why an execution provider cannot work on this board, before it is tried: the runtime itself says only that a shared library
// could not be loaded. Knows files, not sessions. Detector process.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { GPU_DEVICES, type GpuFacts } from '../platform/gpu.ts';
import { type LoaderPlace, missingLibraries } from '../platform/loader.ts';
import type { Provider, ProviderSupport } from './providers.ts';

export interface Obstacle {
  /**
   * absent: the board has no such device, nobody need be told; unlisted: this build cannot, it is not tried. The others are tried
   * all the same, for the loader knows best.
   */
  readonly kind: 'absent' | 'unlisted' | 'denied' | 'file' | 'libraries';
  readonly reason: string;
  /** What the owner does about it. */
  readonly advice: string;
}

export interface AcceleratorPlace {
  readonly gpu: GpuFacts | undefined;
  /** What the runtime lists. */
  readonly supported: readonly ProviderSupport[];
  /** Where the library in use is, and with it the libraries of its providers. */
  readonly libraryFolder: string | undefined;
  readonly loader: LoaderPlace;
}

/** Loaded by the CUDA provider only when it is needed: it does not stand among the libraries that the file names. */
const LOADED_LATER: Readonly<Record<string, readonly string[]>> = { cuda: ['libcudnn.so.9'] };
/** What brings a library, by the beginning of its name. */
const BRINGERS: readonly (readonly [string, string])[] = [
  ['libcuda.', 'the NVIDIA driver'],
  ['libcudnn', 'cuDNN'],
  ['libnv', 'TensorRT'],
  ['libcu', 'CUDA'],
];
const HOW = 'docs/providers.md says how they get there';

/** Undefined: nothing is known that stands in its way. */
export function obstacleOf(provider: Provider, place: AcceleratorPlace): Obstacle | undefined {
  if (provider === 'cpu') return undefined;
  const nvidia = provider === 'tensorrt' || provider === 'cuda';
  const { gpu, supported } = place;
  if (nvidia && gpu === undefined) {
    const advice = 'where there is one, its driver must run, and a container must be given its device files';
    return { kind: 'absent', reason: `no NVIDIA GPU here (none of ${GPU_DEVICES})`, advice };
  }
  if (!supported.some(({ name }) => name === provider)) {
    const reason = `not in this build of onnx runtime (${process.platform}-${process.arch})`;
    const names = supported.map(({ name }) => name).join(', ');
    const jetson =
      'build one with scripts/build-onnxruntime-jetson.sh and name its folder in detector.library (docs/jetson.md)';
    const advice = nvidia && gpu?.kind === 'jetson' ? jetson : `this build has ${names}`;
    return { kind: 'unlisted', reason, advice };
  }
  return nvidia ? nvidiaObstacle(provider, place) : undefined;
}

function nvidiaObstacle(provider: 'tensorrt' | 'cuda', place: AcceleratorPlace): Obstacle | undefined {
  const { gpu, libraryFolder, loader } = place;
  if (gpu?.problem !== undefined) {
    const advice =
      gpu.kind === 'jetson'
        ? 'the service needs the drop-in 50-jetson.conf and the groups video and render (docs/jetson.md)'
        : 'this user must be in the groups video and render, and the service needs DeviceAllow=char-nvidia* rw (docs/providers.md)';
    return { kind: 'denied', reason: gpu.problem, advice };
  }
  if (libraryFolder === undefined) return undefined;
  const name = `libonnxruntime_providers_${provider}.so`;
  const file = join(libraryFolder, name);
  if (!existsSync(file)) {
    const reason = `${name} is not beside the ONNX Runtime library (${libraryFolder})`;
    return { kind: 'file', reason, advice: 'docs/providers.md says where it comes from' };
  }
  const missing = missingLibraries(file, loader, LOADED_LATER[provider]);
  if (missing.length === 0) return undefined;
  const bringers = new Set(
    missing.map((one) => BRINGERS.find(([start]) => one.startsWith(start))?.[1] ?? one),
  );
  const reason = `the loader does not find ${missing.join(', ')}`;
  return { kind: 'libraries', reason, advice: `install ${[...bringers].join(', ')}: ${HOW}` };
}
