// A real NVIDIA Triton server with the shipped model, as docs/remote-detector.md sets it up, but for its backend: the
// package on PyPI has none for ONNX, so the same ONNX Runtime is called from its Python backend. It is no dependency of
// ours: scripts/install-triton.sh puts it where this looks (or $VEDETTE_TRITON). Ends with the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';
import { INPUT_SIDE, SHIPPED_MODEL } from './detector.ts';
import { tempDir } from './temp-dir.ts';
import { waitFor } from './wait.ts';

const FOLDER = process.env['VEDETTE_TRITON'] ?? join(homedir(), '.cache/vedette-tests/triton');
const TRITON = join(FOLDER, 'pytriton/tritonserver');
const PROGRAM = join(TRITON, 'bin/tritonserver');

/** `test` where Triton is installed, else a visible skip (an error where CI=true). */
export function testWithTriton(): typeof test {
  if (existsSync(PROGRAM)) return test;
  const needs = 'Triton (test/support/triton.ts says how to install it)';
  if (process.env['CI'] === 'true') throw new Error(`these tests need ${needs}, and CI skips nothing`);
  console.warn(`skipped: needs ${needs}`);
  return test.skip as typeof test;
}

const CONFIG = `
backend: "python"
max_batch_size: 0
input [ { name: "image" data_type: TYPE_UINT8 dims: [ 1, ${INPUT_SIDE}, ${INPUT_SIDE}, 3 ] } ]
output [
  { name: "boxes" data_type: TYPE_FP32 dims: [ 1, -1, 4 ] },
  { name: "scores" data_type: TYPE_FP32 dims: [ 1, -1, 9 ] }
]
instance_group [ { kind: KIND_CPU count: 1 } ]
`;

const MODEL = `
import os, sys
sys.path.insert(0, os.environ["PYTHONPATH"])
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]

    def execute(self, requests):
        responses = []
        for request in requests:
            image = pb_utils.get_input_tensor_by_name(request, "image").as_numpy()
            found = self.session.run(self.names, {"image": image})
            tensors = [pb_utils.Tensor(name, values) for name, values in zip(self.names, found)]
            responses.append(pb_utils.InferenceResponse(output_tensors=tensors))
        return responses
`;

export class Triton {
  readonly port: number;
  readonly #repository = tempDir();
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();

  /** Not started yet. */
  constructor(port: number) {
    this.port = port;
    const folder = join(this.#repository, 'vedette-nano');
    mkdirSync(join(folder, '1'), { recursive: true });
    writeFileSync(join(folder, 'config.pbtxt'), CONFIG);
    writeFileSync(join(folder, '1/model.py'), MODEL);
    copyFileSync(join(SHIPPED_MODEL, 'model-int8.onnx'), join(folder, '1/model.onnx'));
    onTestFinished(() => this.kill());
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when the model is ready. */
  async start(): Promise<void> {
    const child = spawn(
      PROGRAM,
      [
        `--model-repository=${this.#repository}`,
        `--backend-directory=${join(TRITON, 'backends')}`,
        `--cache-directory=${join(TRITON, 'caches')}`,
        ...[
          '--http-address=127.0.0.1',
          `--http-port=${this.port}`,
          '--allow-grpc=false',
          '--allow-metrics=false',
        ],
        '--exit-timeout-secs=1',
      ],
      // A group of its own: the Python backend is a process beside it.
      { env: { ...process.env, PYTHONPATH: FOLDER }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    let log = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    await waitFor(
      'Triton',
      async () => {
        if (child.exitCode !== null) throw new Error(`Triton ended: ${log}`);
        const answer = await fetch(`${this.url}/v2/models/vedette-nano/ready`).catch(() => undefined);
        return answer?.ok === true;
      },
      60_000,
    );
  }

  async kill(): Promise<void> {
    const pid = this.#child?.pid;
    this.#child = undefined;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
    await this.#exited;
  }
}
