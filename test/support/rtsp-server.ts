// A real RTSP server (GStreamer's, by the system's Python): started, killed and started again on the same port.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./rtsp-server.py', import.meta.url));
const PYTHON = '/usr/bin/python3';
const IMPORT =
  "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer";

/** `test`, or a visible skip where gir1.2-gst-rtsp-server-1.0 is missing (an error where CI=true). */
export function testNeedingRtspServer(): typeof test {
  if (spawnSync(PYTHON, ['-c', IMPORT]).status === 0) return test;
  const missing = 'gir1.2-gst-rtsp-server-1.0 and python3-gi';
  if (process.env['CI'] === 'true') throw new Error(`these tests need ${missing}, and CI skips nothing`);
  console.warn(`skipped: needs ${missing}`);
  return test.skip as typeof test;
}

export interface RtspLogin {
  readonly method: 'Digest' | 'Basic' | 'none';
  readonly user: string;
  readonly password: string;
}

export class RtspServer {
  readonly #login: RtspLogin;
  #child: ChildProcess | undefined;
  #port = 0;

  constructor(login: RtspLogin) {
    this.#login = login;
    onTestFinished(() => this.stop());
  }

  get url(): string {
    return `rtsp://127.0.0.1:${this.#port}/cam`;
  }

  /** On a free port the first time, later on the same. */
  async start(): Promise<void> {
    const { method, user, password } = this.#login;
    const child = spawn(PYTHON, [SCRIPT, String(this.#port), method, user, password], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      const port = /^ready (\d+)\n/.exec(said)?.[1];
      if (port === undefined) continue;
      this.#port = Number(port);
      return;
    }
    throw new Error(`the RTSP server ended: ${said}`);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
