// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are tested here
// Whatever stands in a configuration file, loading it ends in a configuration or in CONFIG_INVALID with every problem
// inside the file.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../daemon/config/load.ts';
import type { Problem } from '../../daemon/config/problems.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';

const PIECES = [
  ...'cameras rules mqtt track zones points source type password embedded thresholds'.split(' '),
  ...'scene file enter true null ~ 0 1.5 -3 1e999 .nan 0x1F a yard __proto__ << @ `'.split(' '),
  ...[': ', ':', '\n', '\r\n', '\n  ', '\n    ', '- ', '\t', ', ', '? ', '&a ', '*a', '!x ', '!!binary '],
  ...['{', '}', '[', ']', '"', "'", '|', '>', '#', '\\', '%YAML 1.1\n', '---\n', '...\n'],
  ...['\u0000', '\ud800', '😀', '${A}', '${B}', '${N:-5}', '${', '$${', '${constructor}'],
];
const token = fc.constantFrom(...PIECES);
const anyText = fc.oneof(
  fc.array(token, { maxLength: 40 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 80 }),
);

/** A value of any shape, at the places where the schema expects others. */
const anyValue = fc.jsonValue({ maxDepth: 2 });
/** An object with some of the keys. Not fc.dictionary: it draws for long until few keys are all different. */
const anyOf = <T>(keys: readonly string[], value: fc.Arbitrary<T>) =>
  fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] });
const KEYS = ['points', 'zones', 'source', 'type', 'trigger', 'zone', 'port', 'password', 'x', 'constructor'];
const anySection = fc.oneof(anyValue, anyOf(KEYS, fc.oneof(anyValue, anyOf(KEYS, anyValue))));
const anyDocument = anyOf([...Object.keys(configSchema.shape), 'other'], anySection).map((value) =>
  JSON.stringify(value, null, 1),
);

function outcome(text: string): VedetteError | undefined {
  const options = { fileName: 'v.yaml', folder: '/nowhere', env: { A: 'a', N: '7' } };
  try {
    const { config } = parseConfig(text, { ...options, semanticChecks: checkConfig });
    expect(configSchema.safeParse(config).success).toBe(true);
    return undefined;
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return error;
  }
}

function expectPlacesInside(text: string): void {
  const error = outcome(text);
  if (error === undefined) return;
  expect(error.code).toBe('CONFIG_INVALID');
  const problems = error.data['problems'] as readonly Problem[];
  expect(problems.length).toBeGreaterThan(0);
  // Lines end where YAML says they end: a lone \r is no line break for an editor.
  const lines = text.split('\n');
  for (const { line, column, message } of problems) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
    expect(message).not.toBe('');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may get through
    expect(message).not.toMatch(/[\u0000-\u001f]|undefined|\[object/);
  }
}

test('any text is a configuration or is refused with places inside the file', () => {
  fc.assert(fc.property(anyText, expectPlacesInside), { numRuns: 2000 });
});

test('any document of any shape is a configuration or is refused with places inside the file', () => {
  fc.assert(fc.property(anyDocument, expectPlacesInside), { numRuns: 150 });
});

test('a password is never in an error, wherever it is put and whatever is wrong beside it', () => {
  const secret = 'hunter2secret';
  const wrapped = fc.constantFrom(
    secret,
    `"${secret}"`,
    `[${secret}]`,
    `{a: ${secret}}`,
    `*${secret}`,
    `!${secret} x`,
    `"${secret}`,
  );
  fc.assert(
    fc.property(wrapped, anyText, (value, text) => {
      const error = outcome(`mqtt:\n  password: ${value}\n${text}`);
      expect(`${error?.message} ${JSON.stringify(error?.data)}`).not.toContain(secret);
    }),
    { numRuns: 500 },
  );
});
