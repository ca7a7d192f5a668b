// `vedette models pull` from a real web server: whole, broken off, killed, stopped, with another hash, two at once.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { type RunningDaemon, runToEnd, startDaemon } from '../support/daemon.ts';
import { type FileServer, fileServer } from '../support/file-server.ts';
import { bodyNet, rawHead } from '../support/heads.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** An SSD head as tf2onnx writes it, of four classes with the background. */
function ssd(): Buffer {
  const net = bodyNet({ side: 64, layout: 'nhwc', sides: [4, 2, 1, 1, 1, 1], producer: 'tf2onnx' });
  const anchors = [3, 6, 6, 6, 6, 6];
  return Buffer.from(encodeModel(rawHead(net, anchors, 4)));
}

const CONTENT = ssd();
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

interface World {
  readonly server: FileServer;
  readonly partial: string;
  readonly installed: string;
  pull(path: string, ...more: string[]): RunningDaemon;
  pulled(path: string, ...more: string[]): ReturnType<typeof runToEnd>;
}

async function world(): Promise<World> {
  const server = await fileServer({ content: CONTENT });
  const data = tempDir();
  const labels = join(data, 'labels.txt');
  writeFileSync(labels, 'person\ncar\ndog\n');
  const args = (path: string, more: string[]): string[] => [
    ...['models', 'pull', server.url(path).href, '--data', data, '--labels', labels],
    ...['--sha256', SHA256, ...more],
  ];
  return {
    server,
    partial: join(data, 'models/.partial', `${SHA256}.part`),
    installed: join(data, 'models'),
    pull: (path, ...more) => startDaemon(args(path, more)),
    pulled: (path, ...more) => runToEnd(args(path, more)),
  };
}

test('a model is fetched, proven and installed, and says where it is from', async () => {
  const { server, pulled, installed, partial } = await world();
  const { code, stdout, stderr } = await pulled('file.onnx', '--name', 'street', '--licence', 'CC0-1.0');
  expect([code, stderr]).toEqual([
    0,
    `${Math.round(CONTENT.length / 1e3)} kB fetched from ${server.url('file.onnx').href}, the hash is right\n`,
  ]);
  expect(stdout).toContain("installed as 'street'");
  const manifest = JSON.parse(readFileSync(join(installed, 'street/manifest.json'), 'utf8')) as object;
  expect(manifest).toMatchObject({
    name: 'street',
    licence: 'CC0-1.0',
    origin: { url: server.url('file.onnx').href, file: 'file.onnx', sha256: SHA256, bytes: CONTENT.length },
  });
  expect(existsSync(partial)).toBe(false);
  const again = await pulled('file.onnx', '--name', 'street');
  expect(again).toMatchObject({ code: 64, stdout: '' });
  expect(again.stderr).toMatch(/there is a model 'street' already: .* or --replace it/);
  expect(server.requests).toHaveLength(1);
});

test('one that is killed half way goes on with the same command', async () => {
  const { server, pull, pulled, partial, installed } = await world();
  const killed = pull('held.onnx', '--name', 'street');
  await waitFor('half of it', () => existsSync(partial) && statSync(partial).size > 0);
  killed.kill('SIGKILL');
  await killed.exited;
  const { size } = statSync(partial);
  server.release();
  const { code } = await pulled('held.onnx', '--name', 'street');
  expect(code).toBe(0);
  expect(server.requests.at(-1)).toBe(`GET /held.onnx bytes=${size}- "one"`);
  expect(readdirSync(installed).sort()).toEqual(['.lock', '.partial', 'street']);
});

test('one that is stopped says how far it came, and a second one beside it who is at work', async () => {
  const { pull, pulled, partial } = await world();
  const first = pull('held.onnx');
  await waitFor('half of it', () => existsSync(partial) && statSync(partial).size > 0);
  const second = await pulled('held.onnx');
  expect(second).toMatchObject({ code: 1, stdout: '' });
  expect(second.stderr).toBe(
    `vedette: another command downloads a model (process ${first.pid}): wait for it, or stop it\n`,
  );
  first.kill('SIGINT');
  expect(await first.exited).toBe(130);
  expect(first.stderr()).toMatch(
    /^vedette: .*: stopped after \d+ of \d+ bytes; the same command goes on from there\nvedette: interrupted\n$/,
  );
});

test('another file than was asked for is refused, and the model of that name stays', async () => {
  const { server, pulled, installed } = await world();
  expect((await pulled('file.onnx', '--name', 'street')).code).toBe(0);
  const before = readFileSync(join(installed, 'street/manifest.json'));
  server.content = Buffer.concat([CONTENT, Buffer.of(0)]);
  const { code, stderr } = await pulled('file.onnx', '--name', 'street', '--replace');
  expect(code).toBe(1);
  expect(stderr).toContain(`${SHA256} was expected; it was removed, nothing has changed`);
  expect(readFileSync(join(installed, 'street/manifest.json'))).toEqual(before);
});

test('a file that is not understood is kept, so that the flags it needs do not fetch it again', async () => {
  const { server, pulled, installed } = await world();
  const refused = await pulled('file.onnx', '--name', 'street', '--labels', 'imagenet');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('the file that was fetched is kept: the same command with other flags');
  expect(existsSync(join(installed, 'street'))).toBe(false);
  const { code, stderr } = await pulled('file.onnx', '--name', 'street');
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(/^\d+ kB was fetched before, the hash is right\n$/),
  ]);
  expect(server.requests).toHaveLength(1);
});
