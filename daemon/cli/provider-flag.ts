// `--providers`: detector.providers of the configuration, overridden for one command. Loads the schema: commands load it when they
// run, not before.
import { detectorSchema } from '../config/detector-schema.ts';
import type { DetectorConfig } from '../config/types.ts';
import { VedetteError } from '../platform/errors.ts';

/** Throws USAGE with the names there are. */
export function withProviders(config: DetectorConfig, list: string | undefined): DetectorConfig {
  if (list === undefined) return config;
  const { success, data } = detectorSchema.shape.providers.safeParse(
    list.split(',').map((name) => name.trim()),
  );
  if (success) return { ...config, providers: data };
  const names = detectorSchema.shape.providers.unwrap().element.options.join(', ');
  throw new VedetteError('USAGE', `--providers: must be a list of ${names} (got '${list}')`, { list });
}
