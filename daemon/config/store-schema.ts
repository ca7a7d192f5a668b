// The `store` section of the configuration. Pure.
import { z } from 'zod';

export const storeSchema = z.strictObject({
  outboxMb: z.int().min(1).max(10_000).default(64).meta({
    description:
      'Most that may wait for delivery (megabytes). Beyond it the oldest updates give way, then the oldest events, then the oldest alerts; a gap message names them.',
  }),
  reserveMb: z.int().min(0).max(10_000).default(8).meta({
    description:
      'Room on the disk kept for alerts: given up when the disk is full and there are no pictures to delete (megabytes); 0 keeps none.',
  }),
  eventsKeepDays: z.int().min(0).max(36_500).default(365).meta({
    description:
      'Days that events, alerts and the journal are kept; 0 for no limit. Open events, and what is not delivered yet, stay longer.',
  }),
  eventsKeepMb: z.int().min(10).max(100_000).default(500).meta({
    description: 'Most that vedette.db may hold (megabytes). Beyond it the oldest events go first.',
  }),
  historyKeepDays: z.int().min(0).max(36_500).default(14).meta({
    description:
      'Days that observations are kept: where every object was in every frame, without pictures, for trying rules on them; 0 for no limit.',
  }),
  historyKeepMb: z.int().min(0).max(100_000).default(500).meta({
    description:
      'Most that history.db may hold beside traces (megabytes). Beyond it the oldest observations go; 0 keeps none, and no traces.',
  }),
  tracesKeepMb: z.int().min(0).max(100_000).default(50).meta({
    description:
      'Most that history.db may hold of traces: why rules fired on an object or did not, for vedette why (megabytes). Beyond it the oldest go; 0 keeps none.',
  }),
});
