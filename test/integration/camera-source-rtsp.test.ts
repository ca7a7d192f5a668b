// The rtsp source against a real server.
import { describe, expect, test } from 'vitest';
import { argumentsOfDescendants, cameraConfig, runCamera } from '../support/camera-runner.ts';
import { RtspServer, testNeedingRtspServer } from '../support/rtsp-server.ts';
import { waitFor } from '../support/wait.ts';

const needing = testNeedingRtspServer();
/** Every character that could mean something in a URL, a script or a shell. */
const LOGIN = { user: 'us er', password: "p@s's/w:d%?#&" };

/** BT.601 limited range of pure red, give or take what H.264 does to it. */
function expectRed([y, u, v]: readonly [number, number, number]): void {
  expect(Math.abs(y - 81)).toBeLessThanOrEqual(3);
  expect(Math.abs(u - 90)).toBeLessThanOrEqual(3);
  expect(Math.abs(v - 240)).toBeLessThanOrEqual(3);
}

describe.each(['Digest', 'Basic'] as const)('a camera with %s login', (method) => {
  needing('delivers, goes offline when it dies mid-stream, and comes back by itself', async () => {
    const server = new RtspServer({ method, ...LOGIN });
    await server.start();
    const config = cameraConfig({ type: 'rtsp', url: server.url, ...LOGIN });
    const { frames, offline, online } = runCamera(config);
    await waitFor('frames', () => frames.length > 5);
    expectRed(frames.at(-1)!.middle);
    expect(offline).toEqual([]);

    const running = argumentsOfDescendants().filter((line) => /\bffmpeg\b/.test(line));
    expect(running).not.toEqual([]);
    expect(running.join('\n')).not.toMatch(/p@s|p%40s|us er|us%20er|127\.0\.0\.1/);

    await server.stop();
    const error = await waitFor('the camera to be offline', () => offline[0]);
    expect(error.code).toMatch(/^CAMERA_(?:EXITED|STALLED)$/);
    await server.start();
    const seen = frames.length;
    await waitFor('frames again', () => frames.length > seen + 5, 40_000);
    expect(online()).toBe(2);
    expectRed(frames.at(-1)!.middle);
    expect(offline.map(({ message, data }) => message + JSON.stringify(data)).join('\n')).not.toMatch(
      /p@s|p%40s/,
    );
  });
});

needing('a wrong password is told without being shown', async () => {
  const server = new RtspServer({ method: 'Digest', ...LOGIN });
  await server.start();
  const { offline } = runCamera(
    cameraConfig({ type: 'rtsp', url: server.url, user: 'me', password: 'hunter2' }),
  );
  const { code, message, data } = await waitFor('an error', () => offline[0]);
  expect(code).toBe('CAMERA_EXITED');
  expect(message).toContain('401');
  expect(message + JSON.stringify(data)).not.toContain('hunter2');
});

test('user and password in the path or the query of an address are not shown', async () => {
  const words = async (address: string): Promise<string> => {
    const { offline } = runCamera(cameraConfig({ type: 'rtsp', url: `rtsp://127.0.0.1:9/${address}` }));
    const { message, data } = await waitFor('an error', () => offline[0]);
    return message + JSON.stringify(data);
  };
  for (const address of [
    'user=owner&password=hunter2',
    "cam?user=owner&password='hunter2",
    'owner:a@hunter2/1',
  ]) {
    const said = await words(address);
    expect(said).toContain('Connection refused');
    expect(said).toMatch(/rtsp:\/\/(?:127\.0\.0\.1:9\/)?\[hidden\]/);
    expect(said).not.toMatch(/owner|hunter2/);
  }
});

needing('a camera delivers by UDP too', async () => {
  const server = new RtspServer({ method: 'none', user: '', password: '' });
  await server.start();
  const { frames } = runCamera(cameraConfig({ type: 'rtsp', url: server.url, transport: 'udp' }));
  await waitFor('frames', () => frames.length > 5);
  expectRed(frames.at(-1)!.middle);
});

test('a camera that is not there is told, again and again', async () => {
  const { offline } = runCamera(cameraConfig({ type: 'rtsp', url: 'rtsp://127.0.0.1:9/cam', ...LOGIN }));
  await waitFor('two attempts', () => offline.length > 1);
  expect(offline[0]!.message).toContain('Connection refused');
  expect(offline[0]!.message).not.toContain('p%40s');
});
