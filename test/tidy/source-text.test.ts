// The scanner of the other tidy tests, tested itself.
import { expect, test } from 'vitest';
import { functionsOf, importsOf, isBalanced, maskCode } from './source-text.ts';

/** Text in lines, so that its lines can be counted. */
function source(...lines: readonly string[]): string {
  return lines.join('\n');
}

function spans(...lines: readonly string[]): string[] {
  return functionsOf(maskCode(source(...lines)))
    .map(({ firstLine, lastLine }) => `${firstLine}-${lastLine}`)
    .sort();
}

test('strings, comments and regular expressions are blanked, and nothing moves', () => {
  const text = source(
    "const a = 'Date.now()'; // Date.now()",
    'const b = "it\'s {"; /* { */ const c = /[/{"\']+/g;',
    "const d = x / y / z; const e = 'é😀'; f();",
  );
  const masked = maskCode(text);
  expect(masked).toHaveLength(text.length);
  expect(masked.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trimEnd())).toEqual([
    "const a = ' ';",
    'const b = " "; const c = / /g;',
    "const d = x / y / z; const e = ' '; f();",
  ]);
});

test('the code inside a template is code, its text is not', () => {
  const tick = '`';
  const text = `const a = ${tick}Date.now() { \${b({ c: ${tick}} \${d} }${tick} })} }${tick}; e();`;
  const masked = maskCode(text).replaceAll(/ +/g, ' ');
  expect(masked).toBe(`const a = ${tick} \${b({ c: ${tick} \${d} ${tick} })} ${tick}; e();`);
});

test('an escaped quote does not end a string, an unclosed one ends with its line', () => {
  expect(maskCode("a('\\''); b();").replaceAll(/ +/g, ' ')).toBe("a(' '); b();");
  expect(maskCode('// it\'s\nb("x");')).toBe(`${' '.repeat(7)}\nb(" ");`);
});

test('a slash after a value divides, elsewhere it begins a regular expression', () => {
  expect(maskCode('a[0] / b(1) / 2;')).toBe('a[0] / b(1) / 2;');
  expect(maskCode('a! / 2; b[0]! / 3;')).toBe('a! / 2; b[0]! / 3;');
  expect(maskCode('if (!/{/.test(a)) b /= 2;')).toBe('if (!/ /.test(a)) b /= 2;');
  expect(maskCode('return /{/;')).toBe('return / /;');
  expect(maskCode('f(/{/, x => /}/)')).toBe('f(/ /, x => / /)');
});

test('a bracket without its partner shows', () => {
  expect(isBalanced('f({ a: [1] });')).toBe(true);
  expect(isBalanced('f({ a: [1 });')).toBe(false);
  expect(isBalanced('f(}')).toBe(false);
  expect(isBalanced('f())')).toBe(false);
});

test('declarations, methods and arrows are functions, with and without a return type', () => {
  expect(spans('function a() {', '}')).toEqual(['1-2']);
  expect(spans('function a(', '  b: number,', '): Promise<Map<string, number>> {', '}')).toEqual(['1-4']);
  expect(spans('function a(): { b: number } {', '}')).toEqual(['1-2']);
  expect(spans('function a(): { b: { c: 1 } }[] | undefined {', '}')).toEqual(['1-2']);
  expect(spans('class A {', '  #b(c: () => void): asserts c is D {', '  }', '}')).toEqual(['2-3']);
  expect(spans('const a = (b: string): b is "x" => {', '};')).toEqual(['1-2']);
  expect(spans('f(async (b) => {', '  g(() => {', '  });', '});')).toEqual(['1-4', '2-3']);
  expect(spans('get a(): readonly string[] {', '}')).toEqual(['1-2']);
});

test('what only looks like a function is none', () => {
  expect(spans('if (a) {', '}', 'for await (const b of c) {', '}', 'while (d()) {', '}')).toEqual([]);
  expect(spans('switch (a) {', '}', 'try { } catch (e) {', '}')).toEqual([]);
  expect(spans('const a = b ? c(1) : { d: 1 };', 'const e = { f: 1 };')).toEqual([]);
  expect(spans('const a = b ? c(1) : d;', 'if (e) {', '}')).toEqual([]);
  expect(spans('const a = f(1)', 'const g = { h: 1 }')).toEqual([]);
  expect(spans('class A extends b(C) {', '}').length).toBeLessThanOrEqual(1);
});

test('imports are found with their kind', () => {
  const text = source(
    "import { a } from './a.ts';",
    'import type {',
    '  B,',
    "} from './b.ts';",
    "import './c.ts';",
    "import { type D } from './d.ts';",
    "export { e } from './e.ts';",
    "export type { F } from './f.ts';",
    "const g = await import('./g.ts');",
    'const text = "import { h } from \'./h.ts\'";',
    "export const i = new URL('./i.ts', import.meta.url);",
  );
  const found = importsOf({ text, code: maskCode(text) });
  expect(found.map(({ from, typeOnly, dynamic }) => [from, typeOnly, dynamic])).toEqual([
    ['./a.ts', false, false],
    ['./b.ts', true, false],
    ['./c.ts', false, false],
    ['./d.ts', false, false],
    ['./e.ts', false, false],
    ['./f.ts', true, false],
    ['./g.ts', false, true],
  ]);
});
