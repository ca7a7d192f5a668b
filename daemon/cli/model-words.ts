// Words for facts of a model, the same in every command. Pure.
import type { Manifest } from '../models/manifest-schema.ts';

/** '1.1 MB', '14 MB'; decimal, as disks are sold. */
export function megabytes(bytes: number): string {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${bytes < 10e6 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6)} MB`;
}

/** '3.5 million', '310 million', '1.2 thousand million' is '1200 million'. */
export function millions(count: number): string {
  const shown = count < 100e6 ? Number((count / 1e6).toPrecision(2)) : Math.round(count / 1e6);
  return `${shown} million`;
}

export function inputWords({ input }: Manifest): string {
  return `${input.width}x${input.height}`;
}

/** Of the newest evaluation of the file that is there now. */
export function newestEvaluation({ evaluations = [], sha256 }: Manifest) {
  return evaluations.findLast((one) => one.sha256 === sha256);
}

/** 0.4567 is '45.7'. */
export function percent(share: number): string {
  return (share * 100).toFixed(1);
}
