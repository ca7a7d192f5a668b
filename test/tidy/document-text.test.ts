// The reader of documents of the other tidy tests, tested itself.
import { expect, test } from 'vitest';
import { commandsIn, scriptsIn } from './document-text.ts';

test('commands are found in code spans and blocks', () => {
  const text = [
    'Run `vedette demo`, or `npx vedette check --config a.yaml`; vedette nowhere is prose.',
    '```sh',
    'cd vedette && sudo vedette run',
    '$ ./node_modules/.bin/vedette scene | ffplay -',
    'sudo systemctl stop vedette',
    '```',
    'A placeholder: `vedette <command>`, an option: `vedette --help`, a file: `vedette.yaml`.',
  ].join('\n');
  expect(commandsIn(text).sort()).toEqual(['check', 'demo', 'run', 'scene']);
});

test('scripts are found in code spans and blocks', () => {
  const text =
    '`npm start`, `npm run test:unit`\n\n```sh\nnpm test\nnpm run check && npm ci\n```\nnpm run away\n';
  expect(scriptsIn(text).sort()).toEqual(['check', 'start', 'test', 'test:unit']);
});
