// Applies to each frame what befalls the camera and its light at that moment. Pure but for its buffers, made once; any thread, one at
// a time.
import { type Happening, happeningAt } from './happenings.ts';
import { LensEffects } from './lens-effects.ts';
import { LightEffects } from './light-effects.ts';
import type { Planes } from './raster.ts';

export class Befalling {
  readonly #happenings: readonly Happening[];
  readonly #lens: LensEffects;
  readonly #light: LightEffects;

  constructor(width: number, height: number, happenings: readonly Happening[]) {
    this.#happenings = happenings;
    this.#lens = new LensEffects(width, height);
    this.#light = new LightEffects(width, height);
  }

  /** The frame that is seen as frame `n`: while the picture is frozen, that with which it froze. */
  shownFrame(n: number, fps: number): number {
    const frozen = happeningAt(this.#happenings, n / fps, 'freeze');
    return frozen === undefined ? n : Math.ceil(frozen.fromS * fps);
  }

  /** Where things are in the picture cannot be told: the camera looks elsewhere. */
  isTurned(tS: number): boolean {
    return happeningAt(this.#happenings, tS, 'turn') !== undefined;
  }

  /** Of the scene. */
  light(planes: Planes, tS: number): void {
    for (const { kind, fromS, untilS } of this.#happenings) {
      const isOn = tS >= fromS && tS < untilS;
      // Before the sun rises it is dark.
      if (kind === 'sunrise' && tS < untilS)
        this.#light.sunrise(planes, Math.max(0, (tS - fromS) / (untilS - fromS)));
      else if (kind === 'infrared' && isOn) this.#light.infrared(planes, tS - fromS, false);
      else if (kind === 'infrared' && tS >= untilS && tS < untilS + LightEffects.filterS) {
        this.#light.infrared(planes, tS - untilS, true);
      } else if (kind === 'light-switch' && isOn) this.#light.lamp(planes);
      else if (kind === 'headlights' && isOn) this.#light.headlights(planes, tS - fromS);
    }
  }

  /** Of the camera. */
  lens(planes: Planes, tS: number): void {
    for (const { kind, fromS, untilS } of this.#happenings) {
      if (tS < fromS || tS >= untilS) continue;
      if (kind === 'turn') this.#lens.turn(planes);
      else if (kind === 'defocus') this.#lens.defocus(planes);
      else if (kind === 'wash-out') this.#lens.washOut(planes);
      else if (kind === 'cover') this.#lens.cover(planes);
    }
  }
}
