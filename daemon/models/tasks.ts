// What models do. Apart from the schema of the manifest, because flags of commands name them before anything else is loaded. Pure.

/** The daemon runs those that detect. */
export const TASKS = ['detect', 'classify', 'segment', 'features'] as const;
export type Task = (typeof TASKS)[number];
