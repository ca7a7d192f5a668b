// User and password for a web server that asks for them: Basic (RFC 7617) and Digest (RFC 7616). Pure but for the nonce
// of our own.
import { createHash, randomBytes } from 'node:crypto';

/** What a server asks for, the strongest it offers that we know. */
export interface Challenge {
  readonly scheme: 'basic' | 'digest';
  readonly params: Readonly<Record<string, string>>;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly uri: string;
  /** How often this challenge was answered, from 1. */
  readonly count: number;
}

/** The hash of each algorithm, the best first. */
const HASHES = { 'SHA-256': 'sha256', MD5: 'md5' } as const;
type Algorithm = keyof typeof HASHES;
const ALGORITHMS = Object.keys(HASHES) as Algorithm[];

/** From the values of WWW-Authenticate; undefined when it holds nothing we can answer. */
export function challengeOf(headers: readonly string[]): Challenge | undefined {
  const all = headers.flatMap(challengesIn);
  const digests = all.filter(({ scheme, params }) => scheme === 'digest' && params['nonce'] !== undefined);
  const ranked = ALGORITHMS.flatMap((wanted) =>
    digests.filter(({ params }) => algorithmOf(params) === wanted && speaksAuth(params)),
  );
  return ranked[0] ?? all.find(({ scheme }) => scheme === 'basic');
}

/** The value of the header Authorization. */
export function authorization(
  { scheme, params }: Challenge,
  { user, password }: Login,
  { method, uri, count }: Request,
  cnonce: string = randomBytes(12).toString('hex'),
): string {
  if (scheme === 'basic') return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
  const { realm = '', nonce = '', qop, opaque, algorithm } = params;
  const hash = (bytes: string): string =>
    createHash(HASHES[algorithmOf(params) ?? 'MD5'])
      .update(bytes, 'latin1')
      .digest('hex');
  const username = byteString(user);
  const inner = hash(`${username}:${realm}:${byteString(password)}`);
  const secret = /-sess$/i.test(algorithm ?? '') ? hash(`${inner}:${nonce}:${cnonce}`) : inner;
  const what = hash(`${method}:${uri}`);
  const nc = count.toString(16).padStart(8, '0');
  const response =
    qop === undefined
      ? hash(`${secret}:${nonce}:${what}`)
      : hash(`${secret}:${nonce}:${nc}:${cnonce}:auth:${what}`);
  const quoted = { username, realm, nonce, uri, response, ...(opaque === undefined ? {} : { opaque }) };
  const parts = Object.entries(quoted).map(([key, value]) => `${key}="${value.replace(/["\\]/g, '\\$&')}"`);
  if (algorithm !== undefined) parts.push(`algorithm=${algorithm}`);
  if (qop !== undefined) parts.push('qop=auth', `nc=${nc}`, `cnonce="${cnonce}"`);
  return `Digest ${parts.join(', ')}`;
}

/** Its UTF-8, a character per byte, which is how Node hands headers over and wants them (so `realm` is one already). */
function byteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** One header may hold several. */
function challengesIn(header: string): Challenge[] {
  const found: Challenge[] = [];
  for (const [, scheme, rest] of header.matchAll(
    /(?:^|[,\s])(basic|digest)\s+((?:(?![,\s](?:basic|digest)\s).)*)/gis,
  )) {
    const params: Record<string, string> = {};
    for (const [, key, quoted, plain] of rest!.matchAll(
      /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
    )) {
      params[key!.toLowerCase()] = plain ?? quoted!.replace(/\\(.)/g, '$1');
    }
    found.push({ scheme: scheme!.toLowerCase() as Challenge['scheme'], params });
  }
  return found;
}

function algorithmOf({ algorithm = 'MD5' }: Challenge['params']): Algorithm | undefined {
  const name = algorithm.toUpperCase().replace(/-SESS$/, '');
  return ALGORITHMS.find((one) => one === name);
}

function speaksAuth({ qop }: Challenge['params']): boolean {
  return qop === undefined || qop.split(',').some((one) => one.trim().toLowerCase() === 'auth');
}
