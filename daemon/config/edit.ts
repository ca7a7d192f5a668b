// Changes values of one section in the text of a configuration and leaves every other character of it alone: comments, quotes,
// the owner's order and indentation. The places come from the nodes of the parsed document; the result is parsed again and
// must say what was wanted and nothing else. Pure; reads and writes no file.
import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Pair,
  type ParsedNode,
  parseDocument,
  stringify,
  type YAMLMap,
} from 'yaml';
import { VedetteError } from '../platform/errors.ts';
import { showText } from '../platform/show.ts';

export type EditValue = string | number | readonly string[];

type ParsedMap = YAMLMap.Parsed;
type ParsedPair = Pair<ParsedNode, ParsedNode | null>;

interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/**
 * The text with these values in this section, which is made where it is missing. Throws CONFIG_INVALID, with what to write by
 * hand, where the text is put together in a way that cannot be changed in place (aliases, references to the environment).
 */
export function editSection(
  text: string,
  section: string,
  values: Readonly<Record<string, EditValue>>,
): string {
  const document = parse(text);
  const root = document.contents;
  const refuse = (why: string): VedetteError => refusal(section, values, why);
  if (document.errors.length > 0 || !isMap(root) || root.flow) throw refuse('it is no plain YAML mapping');
  const edit = new Edit(text, refuse);
  const pair = pairOf(root as ParsedMap, section);
  if (pair === undefined) edit.append(section, values);
  else if (pair.value === null || isEmpty(pair.value)) edit.fill(pair, values);
  else if (isMap(pair.value) && pair.value.items.length === 0) edit.replaceBraces(pair.value.range, values);
  else if (!isMap(pair.value)) throw refuse(`'${section}' is no mapping that is written out there`);
  else for (const [key, value] of Object.entries(values)) edit.set(pair.value as ParsedMap, key, value);
  const after = edit.done();
  const wanted = { ...(document.toJS() as Record<string, unknown>) };
  wanted[section] = { ...(wanted[section] as object | undefined), ...values };
  const again = parse(after);
  if (again.errors.length > 0 || !isDeepStrictEqual(again.toJS(), wanted)) {
    throw refuse('changing it in place would change something else');
  }
  return after;
}

function parse(text: string): Document.Parsed {
  return parseDocument(text, { schema: 'core', prettyErrors: false, logLevel: 'error' });
}

function pairOf(map: ParsedMap, key: string): ParsedPair | undefined {
  return map.items.find((item) => isScalar(item.key) && item.key.value === key);
}

/** Nothing after the colon. */
function isEmpty(node: ParsedNode): boolean {
  return isScalar(node) && node.value === null && (node.source ?? '') === '';
}

/** What is to be replaced, gathered while the offsets are those of the old text. */
class Edit {
  readonly #text: string;
  readonly #refuse: (why: string) => VedetteError;
  readonly #eol: string;
  readonly #splices: Splice[] = [];

  constructor(text: string, refuse: (why: string) => VedetteError) {
    this.#text = text;
    this.#refuse = refuse;
    this.#eol = text.includes('\r\n') ? '\r\n' : '\n';
  }

  /** The whole section, at the end. */
  append(section: string, values: Readonly<Record<string, EditValue>>): void {
    const at = this.#text.length;
    const begin = this.#text === '' || this.#text.endsWith('\n') ? '' : this.#eol;
    const lines = [`${section}:`, ...Object.entries(values).map(([key, value]) => `  ${line(key, value)}`)];
    this.#splice(at, at, begin + lines.map((one) => one + this.#eol).join(''));
  }

  /** The section's key is there, with nothing below it. */
  fill(section: ParsedPair, values: Readonly<Record<string, EditValue>>): void {
    const lines = Object.entries(values).map(([key, value]) => `  ${line(key, value)}`);
    this.#insertLines(section.key.range[1], lines);
  }

  /** `{}`. */
  replaceBraces([from, to]: readonly number[], values: Readonly<Record<string, EditValue>>): void {
    const inside = Object.entries(values).map(([key, value]) => line(key, value));
    this.#splice(from!, to!, `{ ${inside.join(', ')} }`);
  }

  set(map: ParsedMap, key: string, value: EditValue): void {
    const pair = pairOf(map, key);
    if (pair === undefined) this.#add(map, key, value);
    else this.#replace(pair, key, value);
  }

  #replace({ key: keyNode, value: node }: ParsedPair, key: string, value: EditValue): void {
    if (node === null || isEmpty(node)) {
      const at = this.#text.indexOf(':', keyNode.range[1]) + 1;
      this.#splice(at, at, ` ${written(value)}`);
      return;
    }
    const [from, end] = node.range;
    const old = this.#text.slice(from, end).trimEnd();
    if (isScalar(node) && String(node.value).includes('${')) {
      throw this.#refuse(`'${key}' comes from the environment: ${showText(old)}`);
    }
    if (!isScalar(node) && !isSeq(node) && !isAlias(node)) throw this.#refuse(`'${key}' is a mapping`);
    if (isSeq(node) && old.includes('#')) throw this.#refuse(`there are comments inside '${key}'`);
    this.#splice(from, from + old.length, written(value));
  }

  /** Below a key that is there, with its indentation, or at the beginning of `{…}`. */
  #add(map: ParsedMap, key: string, value: EditValue): void {
    const [first] = map.items;
    if (map.flow) {
      const at = map.range[0] + 1;
      this.#splice(at, at, ` ${line(key, value)},`);
      return;
    }
    const keyAt = first!.key.range[0];
    const indent = this.#text.slice(this.#text.lastIndexOf('\n', keyAt - 1) + 1, keyAt);
    const above = map.items.findLast(
      ({ value: node }) => isScalar(node) || (isSeq(node) && node.flow === true),
    );
    if (above === undefined) this.#splice(keyAt, keyAt, line(key, value) + this.#eol + indent);
    else this.#insertLines((above.value ?? above.key).range[1], [indent + line(key, value)]);
  }

  /** After the line of this offset, its comment included. */
  #insertLines(after: number, lines: readonly string[]): void {
    const end = this.#text.indexOf('\n', after);
    if (end === -1) {
      this.#splice(this.#text.length, this.#text.length, lines.map((one) => this.#eol + one).join(''));
    } else this.#splice(end + 1, end + 1, lines.map((one) => one + this.#eol).join(''));
  }

  #splice(from: number, to: number, text: string): void {
    this.#splices.push({ from, to, text });
  }

  done(): string {
    let text = this.#text;
    // From the end, so that the offsets before stay true; of two at one place the first comes first.
    const ordered = this.#splices.map((splice, order) => ({ ...splice, order }));
    ordered.sort((a, b) => b.from - a.from || b.order - a.order);
    for (const { from, to, text: put } of ordered) text = text.slice(0, from) + put + text.slice(to);
    return text;
  }
}

function line(key: string, value: EditValue): string {
  return `${key}: ${written(value)}`;
}

/** On one line. */
function written(value: EditValue): string {
  if (typeof value === 'object') return `[${value.map(written).join(', ')}]`;
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

function refusal(section: string, values: Readonly<Record<string, EditValue>>, why: string): VedetteError {
  const lines = Object.entries(values).map(([key, value]) => line(key, value));
  const message = `the configuration is not changed: ${why}; write it yourself, below ${section}: ${lines.join(', ')}`;
  return new VedetteError('CONFIG_INVALID', message, { section, values });
}
