// A small font of our own: capital letters, digits and what stands in names, times and numbers. Data only.

/** Dots. */
export const GLYPH_WIDTH = 5;
export const GLYPH_HEIGHT = 7;
/**
 * Seven rows from the top, each a number of five bits written as one digit to the base 32, the left dot first. What has no
 * glyph is a filled rectangle.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  ...{ a: 'ehhvhhh', b: 'uhhuhhu', c: 'ehggghe', d: 'uhhhhhu', e: 'vgguggv', f: 'vgguggg', g: 'ehgnhhf' },
  ...{ h: 'hhhvhhh', i: 'e44444e', j: '72222ic', k: 'hikokih', l: 'ggggggv', m: 'hrllhhh', n: 'hpljhhh' },
  ...{ o: 'ehhhhhe', p: 'uhhuggg', q: 'ehhhlid', r: 'uhhukih', s: 'fgge11u', t: 'v444444', u: 'hhhhhhe' },
  ...{ v: 'hhhhha4', w: 'hhhllrh', x: 'hha4ahh', y: 'hha4444', z: 'v1248gv' },
  ...{ 0: 'ehjlphe', 1: '4c4444e', 2: 'eh1248v', 3: 'v2421he', 4: '26aiv22', 5: 'vgu11he', 6: '68guhhe' },
  ...{ 7: 'v124888', 8: 'ehhehhe', 9: 'ehhf12c', '.': '00000cc', ',': '00000c8', ':': '0cc0cc0' },
  ...{ '-': '000v000', _: '000000v', ' ': '0000000', '/': '1122488', '>': 'g84248g', '#': '0avava0' },
};
const UNKNOWN = 'vvvvvvv';

/** Rows of a letter, whatever its case: read with Number.parseInt(row, 32). */
export function glyphOf(letter: string): string {
  return GLYPHS[letter.toLowerCase()] ?? UNKNOWN;
}
