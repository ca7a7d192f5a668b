// Values of a section changed in the text of a configuration: everything else stays as the owner wrote it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { editSection } from '../../daemon/config/edit.ts';
import { errorOf } from '../support/errors.ts';
import { ROOT } from '../support/needs.ts';

const WANTED = { model: 'vedette-nano-224', providers: ['cuda', 'cpu'], threads: 2 };

const edited = (text: string, values: Parameters<typeof editSection>[2] = WANTED): string =>
  editSection(text, 'detector', values);

test('values are changed where they stand, with comments, quotes and order around them', () => {
  const before = [
    '# my house',
    'detector:   # the eyes',
    '  # was nano before',
    "  threads: 1   # the Pi's other cores are busy",
    '  model: "vedette-nano"',
    '',
    '  providers: [auto]  # all',
    '  memoryMb:   300',
    'cameras: {}',
  ].join('\n');
  expect(edited(before)).toBe(
    before
      .replace('threads: 1', 'threads: 2')
      .replace('"vedette-nano"', 'vedette-nano-224')
      .replace('[auto]', '[cuda, cpu]'),
  );
});

test('what is missing is written below what is there, with its indentation', () => {
  const before =
    'detector:\n    # the small one\n    model: nano # for now\n\n    # never\n    memoryMb: 0\nlog: {}\n';
  expect(edited(before)).toBe(
    'detector:\n    # the small one\n    model: vedette-nano-224 # for now\n\n    # never\n    memoryMb: 0\n    providers: [cuda, cpu]\n    threads: 2\nlog: {}\n',
  );
});

test('a section that is missing, empty, in braces or in lists of lines is filled', () => {
  const section = 'detector:\n  model: vedette-nano-224\n  providers: [cuda, cpu]\n  threads: 2\n';
  expect(edited('cameras: {}\n')).toBe(`cameras: {}\n${section}`);
  expect(edited('cameras: {} # none')).toBe(`cameras: {} # none\n${section}`);
  expect(edited('detector: # later\n  #: threads: 2\nlog: {}\n')).toBe(
    'detector: # later\n  model: vedette-nano-224\n  providers: [cuda, cpu]\n  threads: 2\n  #: threads: 2\nlog: {}\n',
  );
  expect(edited('detector: {}\n')).toContain('threads: 2');
  expect(edited('detector: { memoryMb: 0 } # all\n')).toMatch(/memoryMb: 0 \} # all\n$/);
  expect(edited('detector:\n  providers:\n    - auto\n    - cpu\n  threads:\nlog: {}\n')).toBe(
    'detector:\n  providers:\n    [cuda, cpu]\n  threads: 2\n  model: vedette-nano-224\nlog: {}\n',
  );
  expect(edited('detector:\r\n  model: a\r\nlog: {}\r\n', { threads: 3 })).toBe(
    'detector:\r\n  model: a\r\n  threads: 3\r\nlog: {}\r\n',
  );
});

test('the example configuration changes in the lines of the section only', () => {
  const before = readFileSync(join(ROOT, 'config/vedette.example.yaml'), 'utf8').split('\n');
  const after = edited(before.join('\n')).split('\n');
  const gone = before.filter((line) => !after.includes(line));
  expect(gone).toEqual(['  model: vedette-nano', '  providers: [auto]']);
  expect(after.length).toBe(before.length + 1);
});

test('a name that YAML would read as something else is put in quotes', () => {
  const names = ['true', '224', 'a: b', '# no', "it's", '- a', 'nano'];
  for (const model of names) {
    expect(parse(edited('detector:\n  model: x\n', { model }))).toEqual({ detector: { model } });
  }
});

test('what cannot be changed in place is refused, with what to write', async () => {
  const refused = [
    'detector: &d\n  model: a\nold: *d\n',
    'base: &d { model: a }\ndetector: *d\n',
    `detector:\n  model: \${MODEL}\n`,
    'detector:\n  providers:\n    - auto # all\n  model: a\n',
    'detector: nano\n',
    '{ detector: { model: a } }\n',
    '- a\n',
    'detector: [\n',
    'detector:\n  model: &m a\nother: *m\n',
  ];
  for (const text of refused) {
    const error = await errorOf(() => edited(text), 'CONFIG_INVALID');
    expect(error.message, text).toContain(
      'below detector: model: vedette-nano-224, providers: [cuda, cpu], threads: 2',
    );
  }
});

test('whatever the mapping: the wanted values are there and nothing else has changed', () => {
  const key = fc.constantFrom('model', 'threads', 'memoryMb', 'deadlineMs', 'providers');
  const value = fc.oneof(fc.integer({ min: 0, max: 99 }), fc.constantFrom('a', '"b c"', "'d'", '[x, y]'));
  const comment = fc.constantFrom('', ' # why', '   #: 2');
  const lines = fc.uniqueArray(fc.tuple(key, value, comment), { selector: ([name]) => name, minLength: 1 });
  fc.assert(
    fc.property(lines, fc.constantFrom(' ', '  ', '    '), fc.boolean(), (section, indent, tail) => {
      const text = [
        '# top',
        'detector:',
        ...section.flatMap(([name, one, note]) => [
          `${indent}# on ${name}`,
          `${indent}${name}: ${one}${note}`,
        ]),
        ...(tail ? ['', '# end', 'log: { level: info }', ''] : []),
      ].join('\n');
      const after = edited(text);
      const before = parse(text) as { detector: object };
      expect(parse(after)).toEqual({ ...before, detector: { ...before.detector, ...WANTED } });
      const comments = (from: string): number => from.split('#').length;
      expect(comments(after)).toBe(comments(text));
    }),
  );
});
