// A reader of Home Assistant's discovery messages that keeps to its documentation: abbreviations, shared options, removal by
// a bare platform and by an empty message, and the schema of test/fixtures/home-assistant. It holds no state of entities; the
// templates are rendered by test/support/jinja.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { ROOT } from './needs.ts';

const SCHEMA = join(ROOT, 'test/fixtures/home-assistant/discovery.schema.json');

/** Of the page mqtt, Supported abbreviations in MQTT discovery messages: those of the options that the schema knows. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  avty: 'availability',
  avty_mode: 'availability_mode',
  cmd_t: 'command_topic',
  cmd_tpl: 'command_template',
  cmps: 'components',
  cont_type: 'content_type',
  dev: 'device',
  dev_cla: 'device_class',
  e: 'encoding',
  en: 'enabled_by_default',
  ent_cat: 'entity_category',
  ent_pic: 'entity_picture',
  evt_typ: 'event_types',
  exp_aft: 'expire_after',
  frc_upd: 'force_update',
  ic: 'icon',
  img_e: 'image_encoding',
  img_t: 'image_topic',
  json_attr_t: 'json_attributes_topic',
  json_attr_tpl: 'json_attributes_template',
  o: 'origin',
  off_dly: 'off_delay',
  ops: 'options',
  opt: 'optimistic',
  p: 'platform',
  pl_avail: 'payload_available',
  pl_not_avail: 'payload_not_available',
  pl_off: 'payload_off',
  pl_on: 'payload_on',
  pl_prs: 'payload_press',
  pl_rst: 'payload_reset',
  ret: 'retain',
  stat_cla: 'state_class',
  stat_off: 'state_off',
  stat_on: 'state_on',
  stat_t: 'state_topic',
  sug_dsp_prc: 'suggested_display_precision',
  t: 'topic',
  uniq_id: 'unique_id',
  unit_of_meas: 'unit_of_measurement',
  url_t: 'url_topic',
  url_tpl: 'url_template',
  val_tpl: 'value_template',
};

/** Of the device and of the origin. */
const DEVICE_ABBREVIATIONS: Readonly<Record<string, string>> = {
  cns: 'connections',
  cu: 'configuration_url',
  hw: 'hw_version',
  ids: 'identifiers',
  mdl: 'model',
  mdl_id: 'model_id',
  mf: 'manufacturer',
  sa: 'suggested_area',
  sn: 'serial_number',
  sw: 'sw_version',
  url: 'support_url',
};

/** Options that components take over from the whole message unless they have their own (mqtt, Device discovery payload). */
const SHARED = ['availability', 'availability_mode', 'state_topic', 'command_topic', 'qos', 'encoding'];

type Dictionary = Record<string, unknown>;

/** An entity as Home Assistant sets it up; its options have their long names. */
export interface Entity extends Dictionary {
  readonly platform: string;
  readonly unique_id: string;
  readonly name: string;
}

export interface DiscoveryMessage {
  readonly device: Dictionary;
  readonly origin: Dictionary;
  readonly components: Readonly<Record<string, Dictionary>>;
}

let validate: ReturnType<Ajv2020['compile']> | undefined;

/** What is wrong with a message, abbreviations written out; empty when it is right. */
export function mistakesIn(message: unknown): string[] {
  validate ??= new Ajv2020({
    allErrors: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
  }).compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);
  if (validate(message)) return [];
  return (validate.errors ?? []).map(({ instancePath, message: what = '' }) => `${instancePath} ${what}`);
}

/** A payload with its abbreviations written out. */
export function writtenOut(payload: string): DiscoveryMessage {
  const message = longNames(JSON.parse(payload) as Dictionary, ABBREVIATIONS);
  for (const part of ['device', 'origin']) {
    if (message[part] !== undefined) {
      message[part] = longNames(message[part] as Dictionary, DEVICE_ABBREVIATIONS);
    }
  }
  if (message['availability'] !== undefined) message['availability'] = longList(message['availability']);
  message['components'] = Object.fromEntries(
    Object.entries((message['components'] ?? {}) as Dictionary).map(([id, component]) => {
      const long = longNames(component as Dictionary, ABBREVIATIONS);
      if (long['availability'] !== undefined) long['availability'] = longList(long['availability']);
      return [id, long];
    }),
  );
  return message as unknown as DiscoveryMessage;
}

/** What Home Assistant has been told of one device; throws at a message that is not right. */
export class DiscoveredDevice {
  /** By the id of the component. */
  readonly entities = new Map<string, Entity>();
  device: Dictionary | undefined;
  /** Ids of components that were taken away. */
  readonly removed: string[] = [];

  receive(payload: string): void {
    if (payload === '') {
      this.removed.push(...this.entities.keys());
      this.entities.clear();
      this.device = undefined;
      return;
    }
    const message = writtenOut(payload);
    const mistakes = mistakesIn(message);
    if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
    this.device = message.device;
    for (const [id, component] of Object.entries(message.components)) {
      if (Object.keys(component).length > 1) this.entities.set(id, withShared(component, message) as Entity);
      // What was not discovered before is not there to be removed: nothing happens.
      else if (this.entities.delete(id)) this.removed.push(id);
    }
  }

  /** The one entity with this name. */
  named(name: string): Entity {
    const found = [...this.entities.values()].filter((entity) => entity.name === name);
    if (found.length !== 1) throw new Error(`${found.length} entities are named ${name}`);
    return found[0]!;
  }
}

function withShared(component: Dictionary, message: object): Dictionary {
  const shared = SHARED.flatMap((option) =>
    Object.hasOwn(message, option) ? [[option, (message as Dictionary)[option]]] : [],
  );
  return { ...Object.fromEntries(shared), ...component };
}

function longList(list: unknown): unknown {
  return (list as Dictionary[]).map((entry) => longNames(entry, ABBREVIATIONS));
}

function longNames(short: Dictionary, names: Readonly<Record<string, string>>): Dictionary {
  return Object.fromEntries(Object.entries(short).map(([name, value]) => [names[name] ?? name, value]));
}
