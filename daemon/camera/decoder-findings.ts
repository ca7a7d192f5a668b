// The check `decoders` of `vedette doctor`: which ffmpeg there is and which hardware decoders it can use on this board.
// Whether one can decode a stream shows only when it runs: the check `camera` tells which one was taken.

import { askProgram } from '../platform/ask-program.ts';
import { findProgram } from '../platform/child.ts';
import type { Finding } from '../platform/finding.ts';
import { type DecoderSupport, probeDecoders } from './decoders.ts';

const ASK_MS = 5000;

export async function decoderFindings(): Promise<Finding[]> {
  const ffmpeg = findProgram('ffmpeg');
  if (ffmpeg === undefined) {
    const message =
      'ffmpeg is not installed: no USB and network camera, video or folder of pictures can be read';
    return [{ level: 'warning', message, advice: 'sudo apt install ffmpeg' }];
  }
  const [{ stdout, ok, ending }, supports] = await Promise.all([
    askProgram({ command: ffmpeg, args: ['-version'], timeoutMs: ASK_MS }),
    probeDecoders(ffmpeg),
  ]);
  if (!ok) {
    const advice = 'install it again: sudo apt install --reinstall ffmpeg';
    return [{ level: 'fault', message: `${ffmpeg} does not run: ${ending}`, advice }];
  }
  const version = /^ffmpeg version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version';
  return decodersOf(version, supports);
}

/** Decoders that are not of this board share one line; one whose device is there and ffmpeg cannot use it is a warning. */
export function decodersOf(version: string, supports: readonly DecoderSupport[]): Finding[] {
  const usable = supports.filter((support) => support.usable);
  const names = usable.map(({ name }) => name).join(', ');
  const message = `ffmpeg ${version}; ${names === '' ? 'no hardware decoder, decoding in software' : `hardware decoders: ${names}`}`;
  const facts = { version, decoders: supports };
  const missed = supports.filter((support) => !support.usable && support.device !== undefined);
  const absent = supports.filter(({ device }) => device === undefined);
  return [
    { level: 'ok', message, facts },
    ...usable.map(({ name, reason }): Finding => ({ level: 'ok', subject: name, message: reason })),
    ...missed.map(({ name, reason }): Finding => {
      const advice = 'to spare the processor, install the ffmpeg that is made for this board';
      return { level: 'warning', subject: name, message: reason, advice };
    }),
    ...(absent.length === 0 ? [] : [absentFinding(absent)]),
  ];
}

function absentFinding(absent: readonly DecoderSupport[]): Finding {
  const message = absent.map(({ name, reason }) => `${name} (${reason})`).join(', ');
  return { level: 'ok', subject: 'not of this board', message };
}
