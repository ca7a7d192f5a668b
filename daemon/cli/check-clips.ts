// What `vedette check` says of clips: the program that makes them is there.
import type { Config } from '../config/types.ts';
import { findProgram } from '../platform/child.ts';
import type { Findings } from './check-sources.ts';

/** Without ffmpeg the daemon runs, and alerts come without the clips that the configuration wants. */
export function checkClips({ rules }: Config): Findings {
  const wanted = Object.keys(rules).filter((name) => rules[name]!.clip !== undefined);
  if (wanted.length === 0) return { good: [], faults: [] };
  const program = findProgram('ffmpeg');
  if (program !== undefined)
    return { good: [`clips of ${wanted.join(', ')}: made by ${program}`], faults: [] };
  const message = 'ffmpeg not found on PATH: install it (apt install ffmpeg)';
  return { good: [], faults: wanted.map((name) => ({ path: ['rules', name, 'clip'], message })) };
}
