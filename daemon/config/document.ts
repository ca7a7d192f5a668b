// From YAML text to plain values, with the place of every key and value. Own walk instead of the library's toJS, because
// keys must be text, `__proto__` must not reach an object, references to the environment are replaced on the way, and
// a few lines of aliases must not become gigabytes. Pure.
import { isAlias, isMap, isScalar, isSeq, type ParsedNode, parseDocument } from 'yaml';
import { showText } from '../platform/show.ts';
import type { Finding, Path } from './problems.ts';
import { substitute } from './substitute.ts';

/** Where a value stands; offsets into the text. */
export interface Place {
  /** Of the key, or of the value in a list and at the root. */
  readonly keyAt: number;
  readonly valueAt: number;
  readonly children: ReadonlyMap<string | number, Place>;
  /** The text as written, where something was replaced in it. */
  readonly written?: string;
  /** The text was exactly one `${NAME}`. */
  readonly whole?: boolean;
}

export interface ConfigDocument {
  /** Plain objects, arrays, strings, numbers, booleans and null. */
  readonly value: unknown;
  readonly root: Place;
  readonly findings: readonly Finding[];
  /** The text is not YAML or breaks a limit: `value` says nothing. */
  readonly broken: boolean;
  /** Line and column of an offset, counted from 1. */
  locate(at: number): { line: number; column: number };
}

/** A configuration with every camera, zone and rule at its limit stays well below; an alias bomb does not. */
const NODES_MAX = 100_000;
const DEPTH_MAX = 32;
/** Names that every object inherits or that change its prototype: as keys of a record they would lie to a lookup. */
const RESERVED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor']);
const NOWHERE: Place = { keyAt: 0, valueAt: 0, children: new Map() };

/** Parses a document; never throws for what is in the text. */
export function readDocument(text: string, env: Readonly<NodeJS.ProcessEnv>): ConfigDocument {
  const locate = locator(text);
  const broken = (findings: readonly Finding[]): ConfigDocument => ({
    value: undefined,
    root: NOWHERE,
    findings,
    broken: true,
    locate,
  });
  try {
    const document = parseDocument(text, {
      prettyErrors: false,
      // Own check: the library's compares every key with every other, and knows 1 and '1' as different keys.
      uniqueKeys: false,
      schema: 'core',
      // Else !!binary and others would make values that are no text, number or list.
      resolveKnownTags: false,
      // Not 'silent': that would also silence a second document.
      logLevel: 'error',
    });
    const errors = [...document.errors, ...document.warnings];
    if (errors.length > 0) {
      return broken(
        errors.map((error) => ({ path: [], message: syntaxMessage(error.code), at: error.pos[0] })),
      );
    }
    const walk = new Walk(env);
    const { value, place } = walk.node(document.contents as ParsedNode | null, [], 0);
    return { value, root: place, findings: walk.findings, broken: false, locate };
  } catch (error) {
    if (error instanceof LimitError) return broken([error.finding]);
    // The parser recurses: brackets nested thousands deep end in a full stack.
    if (error instanceof RangeError) {
      return broken([{ path: [], message: `is nested too deeply (limit ${DEPTH_MAX} levels)`, at: 0 }]);
    }
    throw error;
  }
}

/**
 * Line and column of an offset. Counted here and not by the library's LineCounter, which loses lines after some syntax
 * errors (`[a---` and a line break). Starts of lines are found once: a hostile file has a problem per character.
 */
function locator(text: string): ConfigDocument['locate'] {
  const starts = [0];
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
  return (at) => {
    const offset = Math.min(Math.max(at, 0), text.length);
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}

/** Ends the walk: what follows would be more of the same. */
class LimitError extends Error {
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

interface Walked {
  readonly value: unknown;
  readonly place: Place;
}

class Walk {
  readonly findings: Finding[] = [];
  readonly #env: Readonly<NodeJS.ProcessEnv>;
  readonly #anchors = new Map<string, ParsedNode>();
  #nodes = 0;

  constructor(env: Readonly<NodeJS.ProcessEnv>) {
    this.#env = env;
  }

  node(node: ParsedNode | null, path: Path, keyAt: number): Walked {
    const valueAt = node === null ? keyAt : node.range[0];
    this.#nodes += 1;
    if (this.#nodes > NODES_MAX) {
      const message = `has more than ${NODES_MAX} values, aliases counted as what they stand for`;
      throw new LimitError({ path: [], message, at: valueAt });
    }
    if (path.length > DEPTH_MAX) {
      throw new LimitError({
        path: [],
        message: `is nested too deeply (limit ${DEPTH_MAX} levels)`,
        at: valueAt,
      });
    }
    if (isAlias(node)) return this.#alias(node, path, keyAt);
    if (node?.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node, path, keyAt);
    if (isSeq(node)) {
      const walked = node.items.map((item, index) => {
        const child = item as ParsedNode;
        return this.node(child, [...path, index], child.range[0]);
      });
      const children = new Map(walked.map(({ place }, index) => [index, place]));
      return { value: walked.map(({ value }) => value), place: { keyAt, valueAt, children } };
    }
    return this.#scalar(isScalar(node) ? node.value : null, path, { keyAt, valueAt });
  }

  #alias(node: ParsedNode & { source: string }, path: Path, keyAt: number): Walked {
    const at = node.range[0];
    const target = this.#anchors.get(node.source);
    if (target !== undefined) return this.node(target, path, keyAt);
    // The name of the alias is not shown: it may be a password that begins with a star.
    this.#find(
      path,
      at,
      'a * begins an alias, and this one has no anchor before it; put text that begins with * in quotes',
    );
    return { value: '', place: { keyAt, valueAt: at, children: new Map() } };
  }

  #map(node: ParsedNode & { items: readonly unknown[] }, path: Path, keyAt: number): Walked {
    const value: Record<string, unknown> = {};
    const children = new Map<string | number, Place>();
    for (const item of node.items) {
      const pair = item as { key: ParsedNode | null; value: ParsedNode | null };
      const at = pair.key?.range[0] ?? node.range[0];
      const key = keyText(pair.key);
      if (key === undefined) this.#find(path, at, 'a key must be text');
      else if (RESERVED_KEYS.has(key))
        this.#find([...path, key], at, `the name ${showText(key)} is reserved`);
      else if (children.has(key)) this.#find([...path, key], at, 'is there twice');
      else {
        const walked = this.node(pair.value, [...path, key], at);
        value[key] = walked.value;
        children.set(key, walked.place);
      }
    }
    return { value, place: { keyAt, valueAt: node.range[0], children } };
  }

  #scalar(value: unknown, path: Path, at: { keyAt: number; valueAt: number }): Walked {
    const place: Place = { ...at, children: new Map() };
    if (typeof value !== 'string' || !value.includes('${')) return { value, place };
    const { text, replaced, whole, problems } = substitute(value, this.#env);
    for (const problem of problems) this.#find(path, at.valueAt, problem);
    return {
      // Empty: refused wherever a value matters, at this same place, and not mistaken for a missing key.
      value: problems.length > 0 ? '' : text,
      place: replaced ? { ...place, written: value, whole } : place,
    };
  }

  #find(path: Path, at: number, message: string): void {
    this.findings.push({ path, at, message });
  }
}

/** A key as it is written: `1` and `007` are names, not numbers. Undefined for lists, mappings and nothing. */
function keyText(key: ParsedNode | null): string | undefined {
  if (!isScalar(key)) return undefined;
  if (typeof key.value === 'string') return key.value;
  return key.value === null || key.source === undefined ? undefined : key.source;
}

/** Own words: the library's quote the text, which may be a secret. */
function syntaxMessage(code: string): string {
  return SYNTAX_MESSAGES[code] ?? `is not YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
}

const SYNTAX_MESSAGES: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'a * begins an alias, and this one has no name; put text that begins with * in quotes',
  BAD_DQ_ESCAPE:
    "a backslash in double quotes begins an escape, and this one is unknown; use '…' for plain text",
  BAD_INDENT: 'the indentation does not fit the lines before it',
  BAD_SCALAR_START: 'text must not begin with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second "key:" on one line; put text that contains ": " in quotes',
  BLOCK_IN_FLOW:
    'a - alone cannot stand inside brackets; put it in quotes ("-"), or close the bracket before a list begins',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters',
  MISSING_CHAR: 'a closing quote or bracket, a comma, a colon or a space is missing here',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines; is a ":" or a closing quote missing?',
  MULTIPLE_DOCS: 'a second document begins here; a configuration is one document',
  RESOURCE_EXHAUSTION: 'is nested too deeply here',
  TAB_AS_INDENT: 'a tab is used to indent; YAML takes only spaces',
  TAG_RESOLVE_FAILED: 'a ! begins a YAML tag, and this one is unknown; put text that begins with ! in quotes',
  UNEXPECTED_TOKEN: 'this cannot stand here; is a quote, a bracket, a ":" or a line break missing before it?',
};
