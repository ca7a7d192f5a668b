// What a service manager hears from the real daemon, on a real notify socket.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../daemon/platform/clock.ts';
import { writeConfig } from '../support/configurations.ts';
import { childrenOf, type RunningDaemon, startDaemon, waitForChildren } from '../support/daemon.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { NotifySocket } from '../support/notify-socket.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testService = testNeeding({ programs: NotifySocket.programs });
const testFilter =
  process.getuid?.() === 0
    ? testNeeding({ programs: [...NotifySocket.programs, 'systemd-analyze'] })
    : testNeeding({ programs: ['root, to become nobody'] });
const PING_MS = 500;
const WELL = '1 of 1 camera online, detector ready, broker connected';

const DOCUMENT = {
  log: { format: 'json' },
  mqtt: { embedded: { enabled: true, port: 0 } },
  detector: { deadlineMs: 1000 },
  cameras: { yard: { source: { type: 'scene' }, detect: { width: 640, height: 384 } } },
};

interface Service {
  readonly daemon: RunningDaemon;
  readonly socket: NotifySocket;
  readonly config: string;
  pings(): number;
}

/** Starts the daemon as systemd does and waits until it says that all is well. */
async function startService(): Promise<Service> {
  const socket = await NotifySocket.open();
  const config = writeConfig(DOCUMENT);
  const daemon = startDaemon(['run', '--config', config, '--data', tempDir()], {
    env: {
      NOTIFY_SOCKET: socket.path,
      WATCHDOG_USEC: String(PING_MS * 2 * 1000),
      NODE_OPTIONS: `--import=${join(ROOT, 'test/fixtures/systemd/freezing.ts')}`,
    },
  });
  await waitFor('the status of a daemon that is well', () => socket.status === WELL, 60_000);
  return { daemon, socket, config, pings: () => socket.count('WATCHDOG=1') };
}

testService('start, pings, reload and end are told in their order, with a status for people', async () => {
  const { daemon, socket, config, pings } = await startService();
  expect(socket.messages[0]!.lines).toEqual([
    'READY=1',
    expect.stringMatching(/^STATUS=0 of 1 camera online/),
  ]);
  await waitFor('pings', () => pings() >= 3);

  writeFileSync(config, stringify({ ...DOCUMENT, log: { format: 'json', level: 'debug' } }));
  daemon.kill('SIGHUP');
  await waitFor('the end of the reload', () => socket.count('READY=1') === 2);
  expect(socket.lines.filter((line) => /^(READY|RELOADING|STOPPING)/.test(line))).toEqual([
    'READY=1',
    'RELOADING=1',
    'READY=1',
  ]);
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
  await waitFor('the end', () => socket.count('STOPPING=1') === 1);
  expect(socket.lines.filter((line) => /^(READY|RELOADING|STOPPING)/.test(line)).at(-1)).toBe('STOPPING=1');
});

testService(
  'a configuration that is refused at a reload stands in the status until one is taken',
  async () => {
    const { daemon, socket, config } = await startService();
    writeFileSync(config, stringify({ ...DOCUMENT, detector: { deadlineMs: -1 } }));
    daemon.kill('SIGHUP');
    await waitFor('the refusal', () =>
      socket.status?.startsWith(`${WELL}; the changed configuration was refused`),
    );
    expect(socket.status).toContain('detector.deadlineMs');
    expect(socket.lines.filter((line) => /^(READY|RELOADING)/.test(line))).toEqual([
      'READY=1',
      'RELOADING=1',
      'READY=1',
    ]);
    writeFileSync(config, stringify(DOCUMENT));
    daemon.kill('SIGHUP');
    await waitFor('the refusal to be forgotten', () => socket.status === WELL);
  },
);

testService('no child of the daemon is given the socket or the watchdog', async () => {
  const { daemon } = await startService();
  await waitForChildren(daemon.pid, 2);
  // One that has been forked and has not become its program yet is still a daemon; systemd's own speaks to the socket for it.
  const given = await waitFor('children without the socket', () => {
    const children = childrenOf(daemon.pid).filter(({ command }) => !command.includes('systemd-notify'));
    const environments = children.map(({ pid }) => `/proc/${pid}/environ`).filter((path) => existsSync(path));
    const entries = environments.flatMap((path) => readFileSync(path, 'utf8').split('\0'));
    const isClean = !entries.some((entry) => /^(NOTIFY_SOCKET|WATCHDOG_)/.test(entry));
    return children.length >= 2 && isClean && entries;
  });
  expect(given.some((entry) => entry.startsWith('PATH='))).toBe(true);
});

testService('a frozen main loop stops the pings', async () => {
  const { daemon, socket, pings } = await startService();
  await waitFor('pings', () => pings() >= 3);
  daemon.kill('SIGUSR2');
  // systemd would end it after two intervals; six of them in silence are no chance.
  await waitFor('silence', () => systemClock.monoMs() - socket.messages.at(-1)!.monoMs > 6 * PING_MS);
  const frozenPings = pings();
  expect(frozenPings).toBeGreaterThanOrEqual(3);
  // The other threads and the children live on, and none of them pings.
  expect(daemon.process.exitCode).toBeNull();
  expect(childrenOf(daemon.pid).length).toBeGreaterThan(0);
  expect(pings()).toBe(frozenPings);
});

testService('a frozen detector is replaced and the pings go on', async () => {
  const { daemon, socket, pings } = await startService();
  const detector = await waitFor('the detector', () =>
    childrenOf(daemon.pid).find(({ command }) => command.includes('vedette-detector')),
  );
  process.kill(detector.pid, 'SIGSTOP');
  await waitFor('its end', () => !childrenOf(daemon.pid).some(({ pid }) => pid === detector.pid));
  const before = pings();
  await waitFor('its successor', () =>
    childrenOf(daemon.pid).some(({ command }) => command.includes('vedette-detector')),
  );
  await waitFor('pings after it', () => pings() >= before + 4);
  expect(socket.lines.filter((line) => line.includes('stuck'))).toEqual([]);
  await waitFor('a daemon that is well', () => socket.status === WELL);
});

testService('a detector that takes long to start is told in the status, and the pings go on', async () => {
  const socket = await NotifySocket.open();
  const gate = join(tempDir(), 'go');
  startDaemon(['run', '--config', writeConfig(DOCUMENT), '--data', tempDir()], {
    env: {
      NOTIFY_SOCKET: socket.path,
      WATCHDOG_USEC: String(PING_MS * 2 * 1000),
      NODE_OPTIONS: `--import=${join(ROOT, 'test/fixtures/detector/slow-start.ts')}`,
      NODE_DETECTOR_GATE: gate,
    },
  });
  await waitFor('pings', () => socket.count('WATCHDOG=1') >= 4);
  // It is ready without its detector: the time for a start (TimeoutStartSec) is not what an engine is built in.
  expect(socket.count('READY=1')).toBe(1);
  expect(socket.status).toContain('detector starting');
  expect(socket.lines.filter((line) => line.includes('stuck'))).toEqual([]);
  writeFileSync(gate, '');
  await waitFor('a daemon that is well', () => socket.status === WELL, 60_000);
});

testFilter(
  'detector, camera and systemd-notify run as nobody under the system call filter of the unit',
  async () => {
    const socket = await NotifySocket.open();
    const folder = tempDir();
    const config = join(folder, 'vedette.yaml');
    writeFileSync(config, stringify(DOCUMENT));
    for (const path of [folder, dirname(socket.path), socket.path]) chmodSync(path, 0o777);
    const filter = join(ROOT, 'test/fixtures/systemd/under-filter.py');
    const unit = join(ROOT, 'systemd/vedette.service');
    const run = [join(ROOT, 'daemon/main.ts'), 'run', '--config', config, '--data', join(folder, 'data')];
    // The system's own Python: one in a home folder is out of reach for nobody.
    const daemon = spawn('/usr/bin/python3', [filter, unit, process.execPath, ...run], {
      env: { PATH: process.env['PATH'], NOTIFY_SOCKET: socket.path },
      stdio: 'ignore',
    });
    const gone = new Promise((resolve) => daemon.once('close', resolve));
    onTestFinished(async () => {
      daemon.kill('SIGKILL');
      await gone;
    });
    await waitFor('the status of a daemon that is well', () => socket.status === WELL, 60_000);
  },
);
