// What is written for people, held against the code: error codes, commands, scripts, generated files.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../daemon/platform/errors.ts';
import { ROOT } from '../support/needs.ts';
import { commandsIn, scriptsIn } from './document-text.ts';
import { filesIn, read, sourcesIn } from './source-tree.ts';

const DOCUMENTS = [
  ...filesIn('docs', 'models').filter((path) => path.endsWith('.md')),
  ...['README.md', 'CHANGELOG.md'].filter((path) => existsSync(join(ROOT, path))),
  'config/vedette.example.yaml',
];

test('every error code is explained in docs/errors.md, and nothing else is', () => {
  const explained = [...read('docs/errors.md').matchAll(/^### (\S+)$/gm)].map(([, code]) => code!);
  expect(ERROR_CODES.filter((code) => !explained.includes(code))).toEqual([]);
  expect(explained.filter((code) => !(ERROR_CODES as readonly string[]).includes(code))).toEqual([]);
  expect(explained.filter((code, at) => explained.indexOf(code) !== at)).toEqual([]);
});

test('every error code says what it means, what the daemon does and what the owner does', () => {
  const sections = read('docs/errors.md').split(/^### /m).slice(1);
  const poor = sections.filter(
    (section) => !['Means', 'Daemon', 'You'].every((part) => section.includes(`- **${part}:** `)),
  );
  expect(poor.map((section) => section.split('\n')[0])).toEqual([]);
});

test('every error code is used', () => {
  // main.ts only turns codes into exit codes.
  const elsewhere = sourcesIn('daemon').filter(
    ({ path }) => !['daemon/platform/errors.ts', 'daemon/main.ts'].includes(path),
  );
  const unused = ERROR_CODES.filter((code) => !elsewhere.some(({ text }) => text.includes(`'${code}'`)));
  expect(unused).toEqual([]);
});

test('every command that a document names exists', () => {
  const commands = sourcesIn('daemon/cli').flatMap(({ text }) =>
    [...text.matchAll(/new Command\('([a-z-]+)'\)/g)].map(([, name]) => name!),
  );
  expect(commands).toContain('run');
  const unknown = DOCUMENTS.flatMap((path) =>
    commandsIn(read(path))
      .filter((name) => ![...commands, 'help'].includes(name))
      .map((name) => `${path}: vedette ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('every command is in the command line', () => {
  // Commands of `vedette models` are in models.ts, all others in main.ts.
  const composed = read('daemon/main.ts') + read('daemon/cli/models.ts');
  const forgotten = sourcesIn('daemon/cli').flatMap(({ text }) =>
    [...text.matchAll(/export function (\w+Command)\(/g)].map(([, name]) => name!),
  );
  expect(forgotten.filter((name) => !composed.includes(`.addCommand(${name}(`))).toEqual([]);
});

test('every npm script that a document names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const unknown = DOCUMENTS.flatMap((path) =>
    scriptsIn(read(path))
      .filter((name) => scripts[name] === undefined)
      .map((name) => `${path}: npm run ${name}`),
  );
  expect(unknown).toEqual([]);
});

test('every link between documents leads to a file', () => {
  const broken = DOCUMENTS.flatMap((path) =>
    [...read(path).matchAll(/\]\((?!https?:|mailto:|#)([^)\s#]+)[^)]*\)/g)]
      .map(([, to]) => join(path, '..', to!))
      .filter((to) => !existsSync(join(ROOT, to)))
      .map((to) => `${path}: ${to}`),
  );
  expect(broken).toEqual([]);
});

test('the generated files are those of the schema', () => {
  const script = join(ROOT, 'scripts/generate-docs.ts');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
