// Tests that are named after a rule of docs/home-assistant.md, and the list of these rules.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { ROOT } from './needs.ts';

/** The first column of the table under "Rules kept". */
export function documentedRules(): string[] {
  const document = readFileSync(join(ROOT, 'docs/home-assistant.md'), 'utf8');
  const table = document.split('## Rules kept')[1] ?? '';
  const rows = [...table.matchAll(/^\| ([^|]+) \| [^|]+ \|$/gm)].map(([, text]) => text!);
  return rows.filter((text) => text !== 'rule' && !text.startsWith('---'));
}

/** A test of one rule, in the words of the document; `as` for one that needs something. */
export function rule(words: string, check: () => void | Promise<void>, as: typeof test = test): void {
  if (!documentedRules().includes(words)) throw new Error(`docs/home-assistant.md has no rule '${words}'`);
  as(words, check);
}
