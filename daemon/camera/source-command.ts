// The source `command`: a program of the owner's that writes raw frames.
import type { FramesConfig, SourceOf } from '../config/types.ts';
import type { SourceProgram } from './source.ts';

export function commandProgram({ command, env }: SourceOf<'command'>, detect: FramesConfig): SourceProgram {
  const filled = command.map((part) =>
    part.replace(/\{(width|height|fps)\}/g, (_, key: keyof FramesConfig) => String(detect[key])),
  );
  return {
    title: 'command',
    command: filled[0]!,
    args: filled.slice(1),
    lossless: false,
    frameIntervalMs: undefined,
    finite: false,
    env,
  };
}
