// A real Node-RED without its editor, running one flow file. It is no dependency of ours: `npm install --prefix
// ~/.cache/vedette-tests/node-red node-red` puts it where this looks (or $VEDETTE_NODE_RED). Ends with the test.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from './wait.ts';

const FOLDER = process.env['VEDETTE_NODE_RED'] ?? join(homedir(), '.cache/vedette-tests/node-red');
const PROGRAM = join(FOLDER, 'node_modules/node-red/red.js');

/** Undefined where it is not installed. */
export function nodeRedProgram(): string | undefined {
  return existsSync(PROGRAM) ? PROGRAM : undefined;
}

export interface NodeRed {
  kill(): Promise<void>;
}

/** Resolves when its flow runs and is connected to the broker. `userDir` is its folder: the same one, the same Node-RED. */
export async function startNodeRed(flow: string, userDir: string, env: NodeJS.ProcessEnv): Promise<NodeRed> {
  copyFileSync(flow, join(userDir, 'flows.json'));
  const settings = join(userDir, 'settings.js');
  writeFileSync(
    settings,
    `module.exports = { flowFile: 'flows.json', httpAdminRoot: false, httpNodeRoot: false, uiHost: '127.0.0.1', uiPort: 0,
      credentialSecret: false, telemetry: { enabled: false } };`,
  );
  const child = spawn(process.execPath, [PROGRAM, '--userDir', userDir, '--settings', settings], {
    cwd: userDir,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString('utf8');
    });
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  await waitFor(
    'Node-RED',
    () => {
      if (child.exitCode !== null) throw new Error(`Node-RED ended: ${log}`);
      return log.includes('Connected to broker');
    },
    90_000,
  );
  return { kill };
}
