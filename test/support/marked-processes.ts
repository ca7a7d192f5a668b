// Finding what a test's programs left behind, whoever their parent is by now: each gets a mark in its environment, which
// whatever it starts inherits.
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

/** Environment for a program and whatever it starts. */
export function newMark(): { readonly VEDETTE_TEST: string } {
  return { VEDETTE_TEST: randomUUID() };
}

/** Ids of the live processes (no zombies) with this mark. */
export function processesMarked({ VEDETTE_TEST }: { readonly VEDETTE_TEST: string }): number[] {
  return processesWithVariable('VEDETTE_TEST', VEDETTE_TEST);
}

/** Ids of the live processes (no zombies) whose environment has this. */
export function processesWithVariable(name: string, value: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        // Of a zombie it is empty.
        return `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}`.includes(`\0${name}=${value}\0`);
      } catch {
        return false;
      }
    });
}
