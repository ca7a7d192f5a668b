// Renders templates of Home Assistant with a real Jinja (Debian's python3-jinja2), see jinja-render.py.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './needs.ts';

const PYTHON = '/usr/bin/python3';

export interface TemplateJob {
  readonly template: string;
  /** The text of a message, or what a command is about. */
  readonly value: string | number;
}

/** What each renders to. Throws at the first that cannot be rendered, with its template. */
export function renderAll(jobs: readonly TemplateJob[]): string[] {
  const { status, stdout, stderr } = spawnSync(PYTHON, [join(ROOT, 'test/support/jinja-render.py')], {
    input: JSON.stringify(jobs),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`jinja: ${stderr}`);
  const answers = JSON.parse(stdout) as { result?: string; error?: string }[];
  return answers.map(({ result, error }, index) => {
    if (result !== undefined) return result;
    throw new Error(
      `${error}: ${jobs[index]!.template} with ${JSON.stringify(jobs[index]!.value).slice(0, 300)}`,
    );
  });
}
