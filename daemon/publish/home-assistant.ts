// Home Assistant's discovery message: everything this daemon has, as one device in one payload (device-based discovery, Home
// Assistant 2024.12 and later). Owns how the message is put together, how large it may be, and how one of ours is read back;
// home-assistant-components.ts owns what is in it. Pure, main thread.
import { componentsOf, DAEMON_AVAILABLE } from './home-assistant-components.ts';
import { type Component, type Household, PLATFORMS, type Platform } from './home-assistant-words.ts';
import { STATUS_PATH, topicOf } from './topics.ts';

/** A message stays below this: brokers refuse large ones (the embedded one above 1 MiB), and boards have to read it. */
export const PAYLOAD_BYTES_MAX = 256 * 1024;
/** Components read back from a message, at most; what is beyond was not written by us. */
export const REMEMBERED_MAX = 4096;

const COMPONENT_ID = /^[a-zA-Z0-9_-]{1,300}$/;

/** Home Assistant's abbreviations of the words we use (mqtt, Supported abbreviations in MQTT discovery messages). */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  platform: 'p',
  unique_id: 'uniq_id',
  state_topic: 'stat_t',
  command_topic: 'cmd_t',
  image_topic: 'img_t',
  content_type: 'cont_type',
  value_template: 'val_tpl',
  command_template: 'cmd_tpl',
  device_class: 'dev_cla',
  entity_category: 'ent_cat',
  state_class: 'stat_cla',
  unit_of_measurement: 'unit_of_meas',
  suggested_display_precision: 'sug_dsp_prc',
  expire_after: 'exp_aft',
  event_types: 'evt_typ',
  options: 'ops',
  payload_press: 'pl_prs',
  payload_reset: 'pl_rst',
  availability: 'avty',
  availability_mode: 'avty_mode',
  topic: 't',
};

/** Components that are to go, by id, and of which platform they were. */
export type Removed = ReadonlyMap<string, Platform>;

export interface Discovery {
  readonly payload: string;
  /** What the payload has, by id. */
  readonly components: ReadonlyMap<string, Platform>;
  /** Entities for which the payload had no room. */
  readonly leftOut: number;
}

/** Home Assistant listens here. `id` stands for the board, whatever it is called. */
export function discoveryTopic(prefix: string, id: string): string {
  return `${prefix}/device/${id}/config`;
}

/**
 * Home Assistant says `online` here when it has started, and `offline` when it ends. Where that is has a setting of its own there, which
 * does not go with the prefix of discovery (homeassistant/components/mqtt/const.py); some set both.
 */
export function birthTopics(prefix: string): string[] {
  return [...new Set(['homeassistant/status', `${prefix}/status`])];
}

/** The whole message. What is `removed` and not in the household is named by its platform alone, which takes it away. */
export function discoveryOf(household: Household, id: string, removed: Removed = new Map()): Discovery {
  const components = new Map<string, Platform>();
  const entries: [string, object][] = [];
  const wanted = componentsOf(household);
  let bytes = JSON.stringify(envelope(household, id, [])).length;
  for (const [index, { id: key, component }] of wanted.entries()) {
    const entry = abbreviated({ ...component, unique_id: `${id}_${key}` });
    bytes += Buffer.byteLength(JSON.stringify(entry)) + key.length + 4;
    if (bytes > PAYLOAD_BYTES_MAX) {
      return finish(wanted.length - index);
    }
    entries.push([key, entry]);
    components.set(key, component.platform);
  }
  return finish(0);

  function finish(leftOut: number): Discovery {
    for (const [key, platform] of removed) {
      if (!components.has(key)) entries.push([key, { p: platform }]);
    }
    return { payload: JSON.stringify(envelope(household, id, entries)), components, leftOut };
  }
}

function envelope({ device, version }: Household, id: string, entries: readonly [string, object][]): object {
  return {
    dev: { ids: [id], name: device, mf: 'Vedette', mdl: 'Camera sentry', sw: version },
    o: { name: 'Vedette', sw: version },
    avty: [{ t: topicOf(device, STATUS_PATH), val_tpl: DAEMON_AVAILABLE }],
    cmps: Object.fromEntries(entries),
  };
}

/**
 * The components that a message of ours had, those that were on their way out included. A payload comes from a broker:
 * undefined where it is not such a message, and what is in it that we never write is passed over.
 */
export function readDiscovery(payload: Buffer): Map<string, Platform> | undefined {
  // Removed components add to the bound of what is written.
  if (payload.length > 2 * PAYLOAD_BYTES_MAX) return undefined;
  let document: unknown;
  try {
    document = JSON.parse(payload.toString('utf8'));
  } catch {
    return undefined;
  }
  const components = new Map<string, Platform>();
  for (const [id, entry] of Object.entries(objectOf(objectOf(document)['cmps'])).slice(0, REMEMBERED_MAX)) {
    const platform = PLATFORMS.find((candidate) => candidate === objectOf(entry)['p']);
    if (platform !== undefined && COMPONENT_ID.test(id)) components.set(id, platform);
  }
  return components.size === 0 ? undefined : components;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** With short names, also in the availability below it. */
function abbreviated(component: Component & { readonly unique_id: string }): object {
  return Object.fromEntries(
    Object.entries(component).map(([name, value]) => [
      ABBREVIATIONS[name] ?? name,
      name === 'availability' ? (value as object[]).map((entry) => shortNames(entry)) : value,
    ]),
  );
}

function shortNames(entry: object): object {
  return Object.fromEntries(
    Object.entries(entry).map(([name, value]) => [ABBREVIATIONS[name] ?? name, value]),
  );
}
