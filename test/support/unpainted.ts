// For frame pools of tests that look at the bytes as they came: no privacy mask.
import type { Painter } from '../../daemon/camera/frame-pool.ts';

export const UNPAINTED: Painter = { paint: () => undefined };
