// A reader of TypeScript that knows just enough for the tidy tests: where code is and where text is, how long functions
// are, what is imported. No parser: TypeScript 7 has no JavaScript API, and these rules do not need a syntax tree.
// Pure; source-text.test.ts tests it.

/** Words after which a '/' begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|await|yield|throw|new)$/;

/**
 * The text with the inside of strings, templates (not of their `${…}`), regular expressions and comments replaced by
 * blanks; quotes, slashes of regular expressions and line breaks stay, so offsets and lines are those of the text.
 */
export function maskCode(text: string): string {
  const out = [...blank(text)];
  /** Depth of braces at which each open `${` ends. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const char = text[at]!;
    if (text.startsWith('//', at) || text.startsWith('/*', at) || (at === 0 && text.startsWith('#!'))) {
      at = endOfComment(text, at);
      continue;
    }
    if (char === "'" || char === '"') {
      at = copyEnds(out, text, at, endOfQuoted(text, at, char));
      continue;
    }
    if (char === '/' && regexMayBegin(out, at)) {
      at = copyEnds(out, text, at, endOfRegex(text, at));
      continue;
    }
    const resumes = char === '}' && templates.at(-1) === depth;
    if (char === '`' || resumes) {
      if (resumes) templates.pop();
      const end = endOfTemplatePart(text, at + 1);
      out[at] = char;
      if (text[end - 1] === '{') {
        out[end - 2] = '$';
        out[end - 1] = '{';
        templates.push(depth);
      } else {
        out[end - 1] = '`';
      }
      at = end;
      continue;
    }
    if (char === '{') depth += 1;
    if (char === '}') depth -= 1;
    out[at] = char;
    at += 1;
  }
  return out.join('');
}

/** Character by character, so that an offset stays one (UTF-16 units, not code points). */
function blank(text: string): string[] {
  return text.split('').map((char) => (char === '\n' ? '\n' : ' '));
}

function copyEnds(out: string[], text: string, start: number, end: number): number {
  out[start] = text[start]!;
  out[end - 1] = text[end - 1]!;
  return end;
}

function endOfComment(text: string, at: number): number {
  const block = text.startsWith('/*', at);
  const end = block ? text.indexOf('*/', at + 2) : text.indexOf('\n', at);
  if (end === -1) return text.length;
  return block ? end + 2 : end;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

function endOfRegex(text: string, start: number): number {
  let inClass = false;
  let at = start + 1;
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true;
    if (text[at] === ']') inClass = false;
    at += text[at] === '\\' ? 2 : 1;
  }
  return Math.min(at + 1, text.length);
}

/** Behind the closing back quote or the next '${'. */
function endOfTemplatePart(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    if (text[at] === '`') return at + 1;
    if (text.startsWith('${', at)) return at + 2;
    at += text[at] === '\\' ? 2 : 1;
  }
  return text.length;
}

function regexMayBegin(masked: readonly string[], at: number): boolean {
  // `value! / 2` divides by a value that is not absent; `!/x/` negates.
  const before = masked
    .slice(Math.max(0, at - 80), at)
    .join('')
    .trimEnd()
    .replace(/(?<=[\w$)\]])!+$/, '');
  const last = before.at(-1);
  return last === undefined || !/[\w$)\]'"`]/.test(last) || BEFORE_REGEX.test(before);
}

export interface FunctionSpan {
  /** The code just before the parameters: tells a callback's caller. */
  readonly before: string;
  /** First and last line, counted from 1: from the parameters to the closing brace. */
  readonly firstLine: number;
  readonly lastLine: number;
}

const BEFORE_CHARS = 300;
const NO_FUNCTION = /(?:^|[^\w$.])(?:if|for|while|switch|catch|with|await)$/;

/** Every function with a body in braces (declarations, methods, arrows), in masked code. */
export function functionsOf(code: string): FunctionSpan[] {
  const partner = pairs(code);
  const found: FunctionSpan[] = [];
  for (const [open, close] of partner) {
    if (code[open] !== '(' || NO_FUNCTION.test(code.slice(0, open).trimEnd())) continue;
    const body = bodyAfter(code, close + 1, partner);
    const end = body === undefined ? undefined : partner.get(body);
    if (end === undefined) continue;
    const before = code.slice(Math.max(0, open - BEFORE_CHARS), open);
    found.push({ before, firstLine: linesTo(code, open), lastLine: linesTo(code, end) });
  }
  return found;
}

function linesTo(code: string, offset: number): number {
  return code.slice(0, offset).split('\n').length;
}

/** Whether every bracket has its partner: where not, the masking went wrong (or the file does not compile). */
export function isBalanced(code: string): boolean {
  const partner = pairs(code);
  const closes = [...partner].every(
    ([open, close]) => '([{'.indexOf(code[open]!) === ')]}'.indexOf(code[close]!),
  );
  return closes && partner.size * 2 === code.replaceAll(/[^()[\]{}]/g, '').length;
}

/** From the offset of every opening bracket to that of its closing one. */
function pairs(code: string): Map<number, number> {
  const partner = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < code.length; at += 1) {
    const char = code[at]!;
    if ('([{'.includes(char)) open.push(at);
    if (!')]}'.includes(char)) continue;
    const start = open.pop();
    if (start !== undefined) partner.set(start, at);
  }
  return partner;
}

/** The '{' of the body that follows a parameter list, behind a return type or '=>' if there is one. */
function bodyAfter(code: string, start: number, partner: ReadonlyMap<number, number>): number | undefined {
  let at = start;
  /** The last thing that is not a blank; a type is complete unless it ends with one of those below. */
  let last = '';
  while (at < code.length) {
    const char = code[at]!;
    if (/\s/.test(char)) {
      at += 1;
    } else if (code.startsWith('=>', at)) {
      last = '=>';
      at += 2;
    } else if (char === '{' && !wantsType(last)) {
      return at;
    } else if ('{[('.includes(char)) {
      const close = partner.get(at);
      if (close === undefined || last === '') return undefined;
      last = ')';
      at = close + 1;
    } else if (char === ':' ? last !== '' : !isOfType(char, last)) {
      return undefined;
    } else {
      const word = /^[\w$]+/.exec(code.slice(at, at + 200))?.[0] ?? char;
      last = word;
      at += word.length;
    }
  }
  return undefined;
}

function wantsType(last: string): boolean {
  return [':', '|', '&', '<', ',', 'extends', 'keyof', 'is', 'readonly'].includes(last);
}

/** Whether a return type can go on with this character; nothing but ':' and '=>' can begin one. */
function isOfType(char: string, last: string): boolean {
  return last !== '' && /[\w$.<>|&'"`,]/.test(char) && last !== '=>';
}

export interface Import {
  /** As written: './store.ts', 'node:fs', 'zod'. */
  readonly from: string;
  readonly offset: number;
  /** What stands between `import` and `from`. */
  readonly clause: string;
  /** Gone when the types are stripped. */
  readonly typeOnly: boolean;
  /** `import(…)`: loaded when it is reached. */
  readonly dynamic: boolean;
}

const STATIC =
  /(?:^|[;}\n])\s*(?:import|export)\b(?<clause>(?:[^;'"`()=]*?\bfrom)?\s*)(?<quote>['"]) *\k<quote>/g;
const DYNAMIC = /\bimport\(\s*(?<quote>['"]) *\k<quote>/g;

/** What a file imports or exports from elsewhere. `import { type A }` stays an import at run time. */
export function importsOf({ text, code }: { text: string; code: string }): Import[] {
  const found: Import[] = [];
  for (const [pattern, dynamic] of [
    [STATIC, false],
    [DYNAMIC, true],
  ] as const) {
    for (const match of code.matchAll(pattern)) {
      const end = match.index + match[0].length - 1;
      const start = code.lastIndexOf(match.groups!['quote']!, end - 1) + 1;
      const clause = (match.groups!['clause'] ?? '').trim();
      found.push({
        from: text.slice(start, end),
        offset: start,
        clause,
        typeOnly: /^type\b(?!\s*from\b)/.test(clause),
        dynamic,
      });
    }
  }
  return found;
}
