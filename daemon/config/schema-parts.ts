// Pieces that several sections of the configuration's schema share. Pure.
import { z } from 'zod';

const NAME = /^[a-z0-9_-]{1,64}$/;
/** A name that becomes part of topics. `what` begins the error. */
export const name = (what: string) =>
  z.string().regex(NAME, `${what} must be 1 to 64 of a-z, 0-9, '-' and '_' (it becomes part of MQTT topics)`);

/** Levels of a topic, e.g. `house/door`. */
export const topicBelow = z
  .string()
  .max(256)
  .regex(
    /^[a-z0-9_-]{1,64}(\/[a-z0-9_-]{1,64}){0,7}$/,
    "must be 1 to 8 levels of a-z, 0-9, '-' and '_' with '/' between them",
  );

/** 0 to 1. */
export const fraction = z.number().min(0).max(1);

/** A rule over several keys is checked even when another key of the section is wrong: every problem at once. */
export const always = {
  when: ({ value }: { value: unknown }): boolean => typeof value === 'object' && value !== null,
};

/** A polygon: corners [x, y] in fractions of the frame. */
export const polygon = z
  .array(z.tuple([fraction, fraction]))
  .min(3)
  .max(64)
  .meta({
    description: 'Corners [x, y] in fractions of the frame, origin top left, in order around the zone.',
  });

/** `password` from the environment or `passwordFile`, one of the two. */
export function notBothPasswords(value: {
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}): boolean {
  return value.password === undefined || value.passwordFile === undefined;
}

/** Pixels that a camera is asked for. */
export const size = z.int().min(16).max(16384);

/** How compressed video is decoded. */
export const decoder = z
  .enum(['auto', 'software', 'v4l2m2m', 'drm', 'nvdec', 'nvmpi', 'vaapi'])
  .default('auto')
  .meta({
    description:
      "Decoder of ffmpeg: 'auto' tries what the board has and falls back to 'software'; a named one falls back as well.",
  });

/** First levels of topics that are not below vedette. */
export const topicPrefix = z
  .string()
  .max(64)
  .regex(
    /^(?!vedette(\/|$))[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/,
    "must be one or more levels of A-Z, a-z, 0-9, '-' and '_', not below vedette",
  );

export const noUser = { ...always, path: ['user'], message: 'a password needs a user' };

export function passwordHasUser(value: {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
}): boolean {
  return value.user !== undefined || (value.password === undefined && value.passwordFile === undefined);
}
