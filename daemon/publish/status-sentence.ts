// The state of the daemon in one sentence for people, as `systemctl status` shows it. Without numbers that change all the
// time: a new sentence is sent whenever it differs. Pure.
import type { DetectorSource, HealthSources } from './health.ts';

export type SentenceSources = Pick<HealthSources, 'cameras' | 'detector' | 'store' | 'ladder'> & {
  readonly outlet: { state(): { readonly connected: boolean } };
};

/** For example "2 of 3 cameras online (porch offline), detector ready, broker connected". */
export function statusSentence({ cameras, detector, outlet, store, ladder }: SentenceSources): string {
  const parts = [
    cameraPart(cameras.map((one) => ({ camera: one.camera, status: one.state().status }))),
    detectorPart(detector.state()),
    outlet.state().connected ? 'broker connected' : 'broker away, alerts wait',
  ];
  const effort = ladder.state();
  if (effort !== undefined && effort.rung > 0)
    parts.push(`strained, rung ${effort.rung} of ${effort.of}: ${effort.step}`);
  const { problem } = store.state();
  if (problem !== undefined) parts.push(problem.message);
  return parts.join(', ');
}

function cameraPart(cameras: readonly { readonly camera: string; readonly status: string }[]): string {
  const wanted = cameras.filter(({ status }) => status !== 'disabled');
  if (wanted.length === 0) return 'no camera enabled';
  const troubled = wanted.filter(({ status }) => status !== 'online');
  const names = troubled.map(({ camera, status }) => `${camera} ${status}`).join(', ');
  const count = `${wanted.length - troubled.length} of ${wanted.length} camera${wanted.length === 1 ? '' : 's'} online`;
  return names === '' ? count : `${count} (${names})`;
}

/** A reason names the detector itself. What an accelerator takes minutes for is named. */
function detectorPart({ state, lastReason, starting }: DetectorSource): string {
  if (state === 'down') return lastReason ?? 'detector down';
  const { provider = 'cpu' } = starting ?? {};
  return provider === 'cpu' ? `detector ${state}` : `detector ${state} (opening ${provider})`;
}
