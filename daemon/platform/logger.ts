// The log: pino writing synchronously to standard error, on any thread (no pino transport: its buffer is lost in a
// crash). Three formats: text for a terminal, journal (text with a `<priority>` prefix, see sd-daemon(3)) and json.
import { writeSync } from 'node:fs';
import { type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export interface LogOptions {
  readonly level: string;
  readonly format: 'auto' | 'text' | 'json' | 'journal';
}

/** Syslog priorities of pino's levels. */
const PRIORITY: Readonly<Record<number, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };
const NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
const HIDDEN = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'err', 'part', 'camera']);

/** What `changeLog` needs to know of a logger made here. */
interface Output {
  format: 'text' | 'json' | 'journal';
  /** A child of pino's has a level of its own, copied when it is made. */
  readonly children: Set<WeakRef<Logger>>;
}

const outputs = new WeakMap<Logger, Output>();

/** A logger for this thread. Fields named password, token or secret never reach the output. */
export function createLogger(options: LogOptions, fd = 2): Logger {
  const output: Output = { format: formatOf(options), children: new Set() };
  const logger = pino(
    {
      level: options.level,
      base: null,
      redact: {
        paths: ['password', '*.password', 'token', '*.token', 'secret', '*.secret'],
        censor: '[hidden]',
      },
      onChild: (child) => void output.children.add(new WeakRef(child as Logger)),
    },
    {
      write: (line: string) =>
        writeAll(fd, output.format === 'json' ? line : formatLine(line, output.format)),
    },
  );
  outputs.set(logger, output);
  return logger;
}

/** Changes level and format of a logger from `createLogger` and of all its children. */
export function changeLog(logger: Logger, options: LogOptions): void {
  const output = outputs.get(logger);
  if (output === undefined) throw new Error('not a logger from createLogger');
  output.format = formatOf(options);
  logger.level = options.level;
  for (const reference of output.children) {
    const child = reference.deref();
    if (child === undefined) output.children.delete(reference);
    else child.level = options.level;
  }
}

function formatOf({ format }: LogOptions): Output['format'] {
  return format === 'auto' ? autoFormat() : format;
}

function autoFormat(): 'text' | 'json' | 'journal' {
  if (process.env['JOURNAL_STREAM'] !== undefined) return 'journal';
  return process.stderr.isTTY ? 'text' : 'json';
}

/** One line of text from one line of pino's JSON. */
export function formatLine(line: string, format: 'text' | 'journal'): string {
  const record = JSON.parse(line) as Record<string, unknown> & { level: number; time: number; msg?: string };
  const where = [record['part'], record['camera']].filter((name) => typeof name === 'string').join(' ');
  const fields = Object.entries(record)
    .filter(([key]) => !HIDDEN.has(key))
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join(' ');
  const text = `${where === '' ? '' : `${where}: `}${record.msg ?? ''}${fields === '' ? '' : `  ${fields}`}${stackOf(record)}`;
  if (format === 'journal') return `<${PRIORITY[record.level] ?? 6}>${text.replaceAll('\n', ' | ')}\n`;
  const time = new Date(record.time).toTimeString().slice(0, 8);
  return `${time} ${(NAMES[record.level] ?? 'info').padEnd(5)} ${text}\n`;
}

/** The stack of a bug; an error with a code of ours speaks for itself. */
function stackOf(record: Record<string, unknown>): string {
  const error = record['err'] as { stack?: string; code?: string; type?: string } | undefined;
  if (error === undefined || error.type === 'VedetteError') return '';
  return error.stack === undefined ? '' : `\n${error.stack}`;
}

function writeAll(fd: number, text: string): void {
  try {
    writeSync(fd, text);
  } catch (error) {
    // A closed or full log (EPIPE, EAGAIN) must never take the daemon down; the line is lost.
    if (!['EPIPE', 'EAGAIN', 'EBADF'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
