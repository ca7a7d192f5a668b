// The schema of `homeassistant`: what Home Assistant is told by itself. Pure.
import { z } from 'zod';
import { topicPrefix } from './schema-parts.ts';

/** The section `homeassistant`. */
export const homeAssistantSchema = z.strictObject({
  enabled: z.boolean().default(true).meta({
    description:
      'Tell Home Assistant of every camera, so that it shows them without any configuration there.',
  }),
  prefix: topicPrefix
    .default('homeassistant')
    .meta({ description: 'Discovery prefix, as in the options of its MQTT integration.' }),
});
