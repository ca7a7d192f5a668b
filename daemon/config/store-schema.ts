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
});
