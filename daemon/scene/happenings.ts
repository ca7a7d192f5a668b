// What can befall the camera and its light, and when: `cover@20-40` is a covered lens from second 20 to 40 of the scene's time.
// Names, text form and checks; how it looks is lens-effects.ts and light-effects.ts. Pure, any thread.
import { VedetteError } from '../platform/errors.ts';

/** Of the light. */
export const LIGHT_KINDS = ['light-switch', 'sunrise', 'headlights', 'infrared'] as const;
/** Of the camera. */
export const LENS_KINDS = ['cover', 'defocus', 'wash-out', 'turn', 'freeze'] as const;
export const HAPPENING_KINDS = [...LIGHT_KINDS, ...LENS_KINDS] as const;
export type LightKind = (typeof LIGHT_KINDS)[number];
export type LensKind = (typeof LENS_KINDS)[number];
export type HappeningKind = LightKind | LensKind;

/** Seconds of the scene's time: from the first, to before the other. */
export interface Happening {
  readonly kind: HappeningKind;
  readonly fromS: number;
  readonly untilS: number;
}

const TEXT = /^([a-z-]+)@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/;

/**
 * Reads `cover@20-40`.
 * @throws VedetteError SCENE_OPTIONS naming the text and what was expected.
 */
export function parseHappening(text: string): Happening {
  const [, kind, from, until] = TEXT.exec(text) ?? [];
  const [fromS, untilS] = [Number(from), Number(until)];
  const known = HAPPENING_KINDS.find((name) => name === kind);
  if (known === undefined || !(untilS > fromS)) {
    throw new VedetteError(
      'SCENE_OPTIONS',
      `scene happening: must be <kind>@<from>-<until> in seconds, such as cover@20-40, with a kind of ${HAPPENING_KINDS.join(', ')} (got '${text}')`,
      { option: 'happening', value: text },
    );
  }
  return { kind: known, fromS, untilS };
}

/** The first that is going on. */
export function happeningAt(
  happenings: readonly Happening[],
  tS: number,
  kind: HappeningKind,
): Happening | undefined {
  for (const happening of happenings) {
    if (happening.kind === kind && tS >= happening.fromS && tS < happening.untilS) return happening;
  }
  return undefined;
}
