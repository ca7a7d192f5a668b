// The clips that a configuration wants and this machine can make. Main thread.
import { ClipPlan } from '../core/clips.ts';
import type { DecisionScene } from '../core/decision-scene.ts';
import { findProgram } from '../platform/child.ts';
import type { ErrorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';

/** Without ffmpeg there are no clips, and no alert names one; the log says so. */
export function clipPlan(scene: DecisionScene, logger: Logger): ClipPlan {
  const plan = new ClipPlan(scene);
  if (plan.names.length === 0 || findProgram('ffmpeg') !== undefined) return plan;
  const code: ErrorCode = 'CLIP_NOT_WRITTEN';
  logger.warn(
    { code },
    `clips (rules ${plan.names.join(', ')}): ffmpeg not found on PATH, alerts come without; install it (apt install ffmpeg) and reload`,
  );
  return new ClipPlan({ ...scene, rules: [] });
}
