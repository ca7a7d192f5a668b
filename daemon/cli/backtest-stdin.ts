// The configuration of a backtest that the daemon asks for (`request/backtest`): what it runs with, and in its place the rules,
// zones and lines of the request, which are other people's text. Nothing of it reads a file or an environment variable.
import { text } from 'node:stream/consumers';
import { readDocument } from '../config/document.ts';
import { parseConfig } from '../config/load.ts';
import { invalidConfig, type Problem } from '../config/problems.ts';
import type { Config } from '../config/types.ts';
import { checkConfig } from '../core/checks.ts';
import { known } from '../core/config-fault.ts';
import { VedetteError } from '../platform/errors.ts';
import { showText } from '../platform/show.ts';
import type { BacktestInput } from '../store/backtest-runner.ts';

type Running = Record<string, unknown> & { readonly cameras: Record<string, Record<string, unknown>> };

/** As problems name it. */
const FILE = 'rules';
const INDENT = '  ';
/** Of the text given, within the text that is read: one line for its key, and its indentation. */
const [LINES_BEFORE, COLUMNS_BEFORE] = [1, INDENT.length];

/** @throws VedetteError CONFIG_INVALID; places of problems with rules are those of the text in the request. */
export async function configFromStdin(stream: NodeJS.ReadableStream): Promise<Config> {
  const { running, rules, zones, lines } = JSON.parse(await text(stream)) as BacktestInput;
  return requestedConfig(running as Running, { rules, zones, lines });
}

/** Pure; apart from the stream for tests. */
export function requestedConfig(
  running: Running,
  { rules, zones, lines }: Pick<BacktestInput, 'rules' | 'zones' | 'lines'>,
): Config {
  const cameras = structuredClone(running.cameras);
  if (zones !== undefined) replace(cameras, 'zones', zones);
  if (lines !== undefined) replace(cameras, 'lines', lines);
  const { rules: ours, ...others } = running;
  const rest: object = { ...others, cameras };
  // JSON is YAML. The text comes first, so that its lines are counted from the beginning; indented, it cannot leave its key.
  const head = rules === undefined ? `rules: ${JSON.stringify(ours)}` : `rules:\n${indented(rules)}`;
  const tail = Object.entries(rest).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  try {
    const options = { env: {}, fileName: FILE, folder: '/', semanticChecks: checkConfig };
    return parseConfig(`${[head, ...tail].join('\n')}\n`, options).config;
  } catch (error) {
    throw replaced(error, rules?.split('\n').length ?? 0);
  }
}

/** Cameras that the text names have these places and no others. */
function replace(cameras: Running['cameras'], kind: 'zones' | 'lines', yaml: string): void {
  const document = readDocument(yaml, {});
  if (document.findings.length > 0) {
    const problems = document.findings.map(({ message, at }) => {
      return { file: kind, ...document.locate(at), path: '', message };
    });
    throw invalidConfig(kind, problems);
  }
  const { value } = document;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new VedetteError('CONFIG_INVALID', `${kind}: must be a mapping of cameras to their ${kind}`);
  for (const [camera, places] of Object.entries(value)) {
    const ours = Object.hasOwn(cameras, camera) ? cameras[camera] : undefined;
    if (ours === undefined) {
      const those = known(Object.keys(cameras), 'there are');
      throw new VedetteError('CONFIG_INVALID', `${kind}: there is no camera ${showText(camera)} (${those})`);
    }
    ours[kind] = places;
  }
}

function indented(yaml: string): string {
  return yaml
    .split('\n')
    .map((line) => INDENT + line)
    .join('\n');
}

/** Problems at their places in the text of the request; what is not of it has none. */
function replaced(error: unknown, linesGiven: number): unknown {
  if (!(error instanceof VedetteError) || error.code !== 'CONFIG_INVALID') return error;
  const { problems = [] } = error.data as { problems?: readonly Problem[] };
  const ours = problems.map(({ line, column, ...problem }) => {
    const isGiven = line > LINES_BEFORE && line <= LINES_BEFORE + linesGiven;
    if (!isGiven) return { ...problem, line: 1, column: 1 };
    return { ...problem, line: line - LINES_BEFORE, column: Math.max(1, column - COLUMNS_BEFORE) };
  });
  return invalidConfig(FILE, ours, error);
}
