// Types of the configuration for the rooms that take a slice of it. Types only: the one file of this room that
// every adapter may import.
import type { z } from 'zod';
import type { configSchema } from './schema.ts';

/** The whole configuration, defaults filled in, secrets still as files or values. */
export type Config = z.output<typeof configSchema>;
export type CameraConfig = Config['cameras'][string];
/** Size and rate of the frames of a camera. */
export type FramesConfig = Omit<CameraConfig['detect'], 'enabled'>;
export type SourceConfig = CameraConfig['source'];
/** The source of one type, e.g. SourceOf<'file'>. */
export type SourceOf<Type extends SourceConfig['type']> = Extract<SourceConfig, { type: Type }>;
export type DecoderWish = SourceOf<'file'>['decoder'];
export type DetectorConfig = Config['detector'];
export type TrackConfig = Config['track'];
export type MqttConfig = Config['mqtt'];
export type SnapshotsConfig = Config['snapshots'];
export type LogConfig = Config['log'];
