// The configuration as far as it decides anything, and which camera a rule looks at. Pure.
import type { Location, Places, Rule } from './rule-types.ts';

/** The configuration as far as it decides anything. */
export interface DecisionScene {
  readonly rules: readonly Rule[];
  /** By name, of every camera. */
  readonly places: ReadonlyMap<string, Places>;
  readonly location: Location;
}

/** A rule without a list of cameras looks at those that have its zone or line. */
export function looksAt(
  { cameras, trigger }: Pick<Rule, 'cameras' | 'trigger'>,
  camera: string,
  places?: Places,
): boolean {
  if (cameras !== undefined) return cameras.includes(camera);
  const named = (list: readonly { readonly name: string }[] | undefined, name: string): boolean =>
    list?.some((place) => place.name === name) ?? false;
  if ('line' in trigger) return named(places?.lines, trigger.line);
  if ('zones' in trigger) return trigger.zones.every((zone) => named(places?.zones, zone));
  if ('zone' in trigger && trigger.zone !== undefined) return named(places?.zones, trigger.zone);
  return true;
}
