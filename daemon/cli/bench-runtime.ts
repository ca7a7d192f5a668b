// With which ONNX Runtime `vedette bench` measures: the same library, variables and engine cache as the daemon's detector process, and
// what the daemon would say of a provider that does not work.
import { dirname } from 'node:path';
import { env } from 'onnxruntime-node';
import type { DetectorConfig } from '../config/types.ts';
import { obstacleOf } from '../detector/accelerators.ts';
import { runtimeVariables } from '../detector/launch.ts';
import { type Provider, plainReason } from '../detector/providers.ts';
import {
  examineLibrary,
  libraryVariables,
  type RuntimeLibrary,
  usedLibrary,
} from '../detector/runtime-library.ts';
import { reasonOf } from '../platform/errors.ts';
import { cacheFolder, makeRuntimeFolder, removeFolder } from '../platform/folders.ts';
import { readGpu } from '../platform/gpu.ts';
import { loaderPlace } from '../platform/loader.ts';

/** Accelerators that get a row where there is a GPU for them and none are named. */
const ACCELERATORS = ['tensorrt', 'cuda'];

export class BenchRuntime implements Disposable {
  readonly version: string;
  /** For the measuring processes. */
  readonly variables: Readonly<Record<string, string>>;
  readonly cacheDir = cacheFolder(process.env);
  /** Why it is not the owner's library. */
  readonly problem: string | undefined;
  readonly #gpu = readGpu();
  readonly #libraryFolder: string | undefined;
  #linksIn: string | undefined;

  constructor({ library }: Pick<DetectorConfig, 'library'>) {
    const bundled = env.versions.node ?? env.versions.common;
    let own: RuntimeLibrary | undefined;
    try {
      own = library === undefined ? undefined : examineLibrary(library);
    } catch (error) {
      this.problem = `${reasonOf(error)}; measured with the one that comes with the daemon`;
    }
    this.version = own?.version ?? bundled;
    this.variables = runtimeVariables(
      this.cacheDir,
      own === undefined ? {} : libraryVariables(own, this.#links()),
    );
    const file = own?.file ?? usedLibrary()?.file;
    this.#libraryFolder = file === undefined ? undefined : dirname(file);
  }

  /** Providers worth a row when none are named. */
  get providers(): readonly string[] {
    return this.#gpu === undefined ? ['cpu'] : [...ACCELERATORS, 'cpu'];
  }

  /** Why a provider failed: what stands in its way as far as files can tell, else what the runtime said. */
  reasonFor(provider: string, error: unknown): string {
    const obstacle = obstacleOf(provider as Provider, {
      gpu: this.#gpu,
      // Which ones a library of the owner's lists is known in its process only: what it says comes after this.
      supported: [{ name: provider, bundled: false }],
      libraryFolder: this.#libraryFolder,
      loader: loaderPlace({ ...process.env, ...this.variables }),
    });
    return obstacle?.reason ?? plainReason(error);
  }

  #links(): string {
    this.#linksIn = makeRuntimeFolder(process.env);
    return this.#linksIn;
  }

  [Symbol.dispose](): void {
    if (this.#linksIn !== undefined) removeFolder(this.#linksIn);
  }
}
