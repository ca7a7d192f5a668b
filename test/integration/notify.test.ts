// sd_notify through the real program, to a real datagram socket.
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import { ServiceNotifier } from '../../daemon/platform/notify.ts';
import { childrenOf } from '../support/daemon.ts';
import { memoryLogger } from '../support/logger.ts';
import { programPath, testNeeding } from '../support/needs.ts';
import { NotifySocket } from '../support/notify-socket.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testNotify = testNeeding({ programs: NotifySocket.programs });
const REAL = programPath('systemd-notify');
const PATH = process.env['PATH'];

afterEach(() => {
  process.env['PATH'] = PATH;
});

/** A program of this name before all others on PATH; `text` is a shell script. */
function standIn(name: string, text: string): void {
  const folder = tempDir();
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
  process.env['PATH'] = `${folder}${delimiter}${PATH}`;
}

function makeNotifier(
  socket: string,
  timeoutMs = 10_000,
): { notifier: ServiceNotifier; log: () => string[] } {
  const { logger, records } = memoryLogger();
  const notifier = new ServiceNotifier({ socket, clock: systemClock, logger, timeoutMs });
  return { notifier, log: () => records.map(({ msg }) => msg) };
}

testNotify('news of one moment is one message, and the program waits until it was taken', async () => {
  const socket = await NotifySocket.open();
  const { notifier, log } = makeNotifier(socket.path);
  notifier.status('2 of 3 cameras online,\n\0\x1b detector ready');
  notifier.state('READY');
  notifier.ping();
  await notifier.settled(20_000);
  expect(socket.lines).toEqual(['READY=1', 'STATUS=2 of 3 cameras online, detector ready', 'WATCHDOG=1']);
  expect(socket.messages).toHaveLength(1);
  expect(socket.barriers).toBe(1);
  expect(log()).toEqual([]);
});

testNotify('while a message is on its way the newest status wins, and no state is left out', async () => {
  const socket = await NotifySocket.open();
  const { notifier } = makeNotifier(socket.path);
  notifier.status('first');
  // What one turn tells is sent at its end.
  await Promise.resolve();
  notifier.state('RELOADING');
  for (const text of ['second', 'third', 'fourth']) notifier.status(text);
  notifier.state('READY');
  await notifier.settled(20_000);
  const usec = socket.lines.find((line) => line.startsWith('MONOTONIC_USEC='));
  expect(socket.lines).toEqual(['STATUS=first', 'RELOADING=1', usec, 'STATUS=fourth', 'READY=1']);
  expect(Number(usec?.split('=')[1]) / 1000).toBeLessThanOrEqual(systemClock.monoMs());
});

testNotify('the end takes back what was not told yet, and nothing takes back the end', async () => {
  const socket = await NotifySocket.open();
  const { notifier } = makeNotifier(socket.path);
  notifier.state('RELOADING');
  notifier.state('STOPPING');
  notifier.state('READY');
  await notifier.settled(20_000);
  expect(socket.lines).toEqual(['STOPPING=1']);
});

testNotify('a call that hangs is killed, and what it had to tell is told by the next', async () => {
  const socket = await NotifySocket.open();
  const hung = join(tempDir(), 'hung');
  standIn('systemd-notify', `[ -e ${hung} ] || { : >${hung}; exec sleep 1000; }; exec ${REAL} "$@"`);
  const { notifier, log } = makeNotifier(socket.path, 200);
  notifier.state('READY');
  notifier.status('old');
  await waitFor('the warning', () => log()[0]);
  expect(log()).toEqual([
    'systemd-notify did not end within 200 ms and was killed; trying again every 1000 ms',
  ]);
  notifier.status('new');
  await waitFor('the news', () => socket.lines.length > 0);
  expect(socket.lines).toEqual(['READY=1', 'STATUS=new']);
  await waitFor('the end of the trouble', () => log()[1] === 'the service manager hears us again');
  expect(childrenOf(process.pid).filter(({ command }) => command.includes('sleep 1000'))).toEqual([]);
});

testNotify('a socket that nobody reads is told once, and tried until somebody does', async () => {
  const path = join(tempDir(), 'nobody');
  const { notifier, log } = makeNotifier(path);
  notifier.ping();
  await waitFor('the warning', () => log()[0]);
  notifier.state('READY');
  await notifier.settled(5000);
  expect(log()).toHaveLength(1);
  expect(log()[0]).toContain('trying again every 1000 ms');
});

testNotify('without the program there is one warning, and nothing waits for it', async () => {
  process.env['PATH'] = tempDir();
  const { notifier, log } = makeNotifier('/nowhere');
  notifier.state('READY');
  notifier.ping();
  await notifier.settled(60_000);
  notifier.state('STOPPING');
  await notifier.settled(60_000);
  expect(log()).toHaveLength(1);
  expect(log()[0]).toContain('systemd-notify not found on PATH');
});
