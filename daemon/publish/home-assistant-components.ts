// What Home Assistant is shown: one component per entity, in the words of its MQTT documentation (docs/home-assistant.md lists
// the rules kept and where they are written). Owns names, ids, topics and templates of the entities; home-assistant.ts puts
// them into one message. Pure, main thread.
import { FULL_EFFORT_STEP, RUNGS } from '../core/ladder-rungs.ts';
import { NAME_LENGTH_MAX, sanitise } from '../core/names.ts';
import type { Severity } from '../core/rule-types.ts';
import type { CameraStatus } from '../core/types.ts';
import type { Component, Household, NamedComponent, Place } from './home-assistant-words.ts';
import {
  cameraPath,
  cameraStatusPath,
  HEALTH_PATH,
  labelPath,
  motionPath,
  outboxTopic,
  STATUS_PATH,
  snapshotPath,
  topicOf,
  zoneLabelPath,
} from './topics.ts';

/** A word for each severity, so that an event is of a type that is known whatever rules come and go. */
const EVENT_TYPES = Object.keys({ info: 0, warning: 0, critical: 0 } satisfies Record<Severity, 0>);
/** What is given up while the board is strained. */
const EFFORTS = [FULL_EFFORT_STEP, ...RUNGS.map(({ step }) => step)];
/** Whether a status of a camera is a problem. */
const PROBLEMS = {
  disabled: false,
  offline: true,
  frozen: true,
  blind: true,
  moved: true,
  online: false,
} satisfies Record<CameraStatus, boolean>;
const STATUSES = Object.keys(PROBLEMS);

export const DAEMON_AVAILABLE = "{{ 'online' if value == 'online' else 'offline' }}";
/** A camera that is blind is there all the same. */
const CAMERA_AVAILABLE = "{{ 'offline' if value in ['offline', 'disabled', ''] else 'online' }}";
const COUNT = fromJson('value_json.count');
const OCCUPIED = fromJson("'ON' if value_json.count > 0 else 'OFF'");
const PROBLEM_HERE = `{{ 'ON' if value in ${list(STATUSES.filter((word) => PROBLEMS[word as CameraStatus]))} else 'OFF' }}`;
/** Of health: what an owner should look at. */
const PROBLEMS_OF_HEALTH = [
  "value_json.detector.state == 'down'",
  'value_json.store.problem is defined',
  "value_json.store.reserve == 'given up'",
  'value_json.snapshots.problem is defined',
  "not value_json.get('selfTest', {}).get('ok', true)",
];
const DAEMON_PROBLEM = fromJson(`'ON' if ${PROBLEMS_OF_HEALTH.join(' or ')} else 'OFF'`);
/** `None` is Home Assistant's word for unknown. */
const STATUS_WORD = "{{ value or 'None' }}";

/** Fields of an alert that its event shows. `count` is of objects; of a digest, that of the late alerts it stands for. */
const ALERT_FIELDS = [
  ...['rule', 'trigger', 'camera', 'label', 'zone', 'line', 'from', 'to', 'fault', 'count', 'message'],
  ...['score', 'at', 'id', 'eventId', 'late', 'delayedMs'],
];
const ALERT_EVENT = `{{ {'event_type': value_json.severity, ${ALERT_FIELDS.map((field) => `'${field}': value_json.get('${field}')`).join(', ')}, 'picture': value_json.get('snapshot', {}).get('path'), 'clip': value_json.get('clip', {}).get('path')} | tojson }}`;

const DIGEST_CAMERAS = "value_json.get('groups', []) | map(attribute='camera', default='')";

/** A value of health is gone when so many messages of it have not come. */
const HEALTH_MISSED = 3;

/** Every entity of a household, the most important first. Topics and ids have sanitised names, what is read has the labels. */
export function componentsOf(household: Household): NamedComponent[] {
  const cameras = household.cameras.map(sanitise);
  const wanted = new Set(cameras);
  const found = [
    ...ofDaemon(household),
    ...cameras.flatMap((camera) => ofCamera(household, camera)),
    ...distinct(household.places)
      .filter(({ camera }) => wanted.has(camera))
      .flatMap((place) => ofPlace(household, place)),
  ];
  return found.sort((a, b) => a.rank - b.rank || (a.id < b.id ? -1 : 1));
}

function ofDaemon(household: Household): NamedComponent[] {
  const { device, thermometer } = household;
  const status = topicOf(device, STATUS_PATH);
  const health = ofHealth(household);
  const daemon: Record<string, Component> = {
    connection: {
      platform: 'binary_sensor',
      name: 'Connection',
      device_class: 'connectivity',
      entity_category: 'diagnostic',
      state_topic: status,
      value_template: "{{ 'ON' if value == 'online' else 'OFF' }}",
      qos: 1,
      // Of all entities this one has something to say while the daemon is away.
      availability: [],
    },
    problem: {
      ...health,
      platform: 'binary_sensor',
      name: 'Problem',
      device_class: 'problem',
      value_template: DAEMON_PROBLEM,
    },
    alert: alertEvent(device, 'Alert', ALERT_EVENT),
    arm: toggle(household, 'arm', 'Armed', undefined),
    outbox: {
      ...measured(health, 'Messages waiting', 'value_json.store.outboxRows'),
    },
    inferp50: milliseconds(health, 'Inference, median', 'inferP50Ms'),
    inferp99: milliseconds(health, 'Inference, 99 %', 'inferP99Ms'),
    memory: megabytes(health, 'Memory', 'value_json.memory.rssBytes'),
    pictures: megabytes(health, 'Pictures on disk', 'value_json.snapshots.bytes'),
    disk: {
      ...megabytes(health, 'Disk free', '0'),
      // Absent while the disk does not answer.
      ...measured(
        health,
        'Disk free',
        "(value_json.disk.freeBytes / 1000000) | round if value_json.disk is defined else ''",
      ),
    },
    effort: {
      ...health,
      platform: 'sensor',
      name: 'Effort',
      device_class: 'enum',
      options: EFFORTS,
      value_template: fromJson(`value_json.get('ladder', {}).get('step', '${FULL_EFFORT_STEP}')`),
    },
    ...(thermometer
      ? {
          temperature: {
            ...measured(health, 'Temperature', "value_json.get('temperatureC', '')"),
            device_class: 'temperature',
            unit_of_measurement: '°C',
            suggested_display_precision: 1,
          },
        }
      : {}),
  };
  return Object.entries(daemon).map(([kind, component]) => ({ id: kind, component, rank: 0 }));
}

function ofCamera(household: Household, camera: string): NamedComponent[] {
  const { device, pictures } = household;
  const title = words(camera);
  const status = topicOf(device, cameraStatusPath(camera));
  const components: Record<string, Component> = {
    problem: {
      platform: 'binary_sensor',
      name: `${title} problem`,
      device_class: 'problem',
      entity_category: 'diagnostic',
      state_topic: status,
      value_template: PROBLEM_HERE,
      qos: 1,
    },
    status: {
      platform: 'sensor',
      name: `${title} status`,
      device_class: 'enum',
      options: STATUSES,
      entity_category: 'diagnostic',
      state_topic: status,
      value_template: STATUS_WORD,
      qos: 1,
    },
    motion: {
      platform: 'binary_sensor',
      name: `${title} motion`,
      device_class: 'motion',
      state_topic: topicOf(device, motionPath(camera)),
      ...whileSeeing(household, camera),
    },
    alert: alertEvent(
      device,
      `${title} alert`,
      `{% if value_json.get('camera') == '${camera}' or '${camera}' in ${DIGEST_CAMERAS} %}${ALERT_EVENT}{% endif %}`,
    ),
    enabled: toggle(household, `${cameraPath(camera)}enabled`, `${title} enabled`, 'config'),
    detect: toggle(household, `${cameraPath(camera)}detect`, `${title} detection`, 'config'),
    armed: toggle(household, `${cameraPath(camera)}armed`, `${title} armed`, undefined),
    ...thresholdOf(household, camera, title),
    fps: {
      ...measured(
        ofHealth(household),
        `${title} frames per second`,
        `value_json.cameras.get('${camera}', {}).get('fps', '')`,
      ),
      unit_of_measurement: 'fps',
      suggested_display_precision: 1,
    },
    ...(pictures
      ? {
          picture: {
            platform: 'image',
            name: `${title} picture`,
            image_topic: topicOf(device, snapshotPath(camera)),
            content_type: 'image/jpeg',
          },
        }
      : {}),
  };
  return Object.entries(components).map(([kind, component]) => ({
    id: idOf(kind, { camera }),
    component,
    rank: 0,
  }));
}

function thresholdOf({ device }: Household, camera: string, title: string): Record<string, Component> {
  const path = `${cameraPath(camera)}threshold`;
  const command = topicOf(device, `${path}/set`);
  return {
    threshold: {
      platform: 'number',
      name: `${title} threshold`,
      entity_category: 'config',
      state_topic: topicOf(device, `${path}/state`),
      command_topic: command,
      // Python's floats have digits that no slider has set.
      command_template: '{{ value | round(2) }}',
      // `auto`: as the configuration and the model say. A number cannot show that.
      payload_reset: 'auto',
      min: 0,
      max: 1,
      step: 0.01,
      mode: 'slider',
      qos: 1,
    },
    thresholdauto: {
      platform: 'button',
      name: `${title} threshold automatic`,
      entity_category: 'config',
      command_topic: command,
      payload_press: 'auto',
      qos: 1,
    },
  };
}

function ofPlace(household: Household, place: TitledPlace): NamedComponent[] {
  const { camera, zone, label, labelTitle } = place;
  const path = zone === undefined ? labelPath(camera, label) : zoneLabelPath(camera, zone, label);
  const title = words([camera, zone ?? [], labelTitle].flat().join(' '));
  const shared = { state_topic: topicOf(household.device, path), ...whileSeeing(household, camera) };
  const rank = zone === undefined ? 1 : 3;
  return [
    {
      id: idOf('occupancy', place),
      rank,
      component: {
        ...shared,
        platform: 'binary_sensor',
        name: title,
        device_class: 'occupancy',
        value_template: OCCUPIED,
      },
    },
    {
      id: idOf('count', place),
      rank: rank + 1,
      component: {
        ...shared,
        platform: 'sensor',
        name: `${title} count`,
        state_class: 'measurement',
        value_template: COUNT,
      },
    },
  ];
}

function alertEvent(device: string, name: string, template: string): Component {
  return {
    platform: 'event',
    name,
    state_topic: outboxTopic(device, 'alert'),
    event_types: EVENT_TYPES,
    value_template: template,
    qos: 1,
  };
}

/** A switch of ours: `ON` and `OFF` are the words of both sides. Without retain: a command must not be repeated by a broker. */
function toggle(
  { device }: Household,
  path: string,
  name: string,
  category: 'config' | undefined,
): Component {
  return {
    platform: 'switch',
    name,
    ...(category === undefined ? {} : { entity_category: category }),
    state_topic: topicOf(device, `${path}/state`),
    command_topic: topicOf(device, `${path}/set`),
    qos: 1,
  };
}

type FromHealth = Pick<Component, 'state_topic' | 'entity_category' | 'expire_after'>;

function ofHealth({ device, healthS }: Household): FromHealth {
  return {
    entity_category: 'diagnostic',
    state_topic: topicOf(device, HEALTH_PATH),
    expire_after: Math.max(60, Math.ceil(healthS * HEALTH_MISSED)),
  };
}

function measured(health: FromHealth, name: string, expression: string): Component {
  const value_template = fromJson(expression);
  return { ...health, platform: 'sensor', name, state_class: 'measurement', value_template };
}

function milliseconds(health: FromHealth, name: string, field: string): Component {
  return {
    ...measured(health, name, `value_json.detector.${field}`),
    device_class: 'duration',
    unit_of_measurement: 'ms',
    suggested_display_precision: 1,
  };
}

function megabytes(health: FromHealth, name: string, bytes: string): Component {
  return {
    ...measured(health, name, `(${bytes} / 1000000) | round(1)`),
    device_class: 'data_size',
    unit_of_measurement: 'MB',
    suggested_display_precision: 0,
  };
}

/** Entities that know nothing while their camera does not see. */
function whileSeeing(
  { device }: Household,
  camera: string,
): Pick<Component, 'availability' | 'availability_mode' | 'qos'> {
  return {
    qos: 1,
    availability: [
      { topic: topicOf(device, STATUS_PATH), value_template: DAEMON_AVAILABLE },
      { topic: topicOf(device, cameraStatusPath(camera)), value_template: CAMERA_AVAILABLE },
    ],
    availability_mode: 'all',
  };
}

/** Names have no capital letters: no two places share an id, whatever dashes and underscores are in their names. */
function idOf(kind: string, { camera, zone, label }: Partial<Place>): string {
  return [
    kind,
    camera === undefined ? '' : `C${camera}`,
    zone === undefined ? '' : `Z${zone}`,
    label === undefined ? '' : `L${label}`,
  ].join('');
}

/** A place by its names for topics, with its label as people read it. */
interface TitledPlace extends Place {
  readonly labelTitle: string;
}

function distinct(places: readonly Place[]): TitledPlace[] {
  const byId = new Map<string, TitledPlace>();
  for (const { camera, zone, label } of places) {
    const place = {
      camera: sanitise(camera),
      ...(zone === undefined ? {} : { zone: sanitise(zone) }),
      label: sanitise(label),
      labelTitle: [...label].slice(0, NAME_LENGTH_MAX).join(''),
    };
    const id = idOf('', place);
    const known = byId.get(id);
    // Of an earlier life only the name for topics may be known.
    if (known === undefined || known.labelTitle === known.label) byId.set(id, place);
  }
  return [...byId.values()];
}

/** `front-door` as people write it: `Front door`. */
function words(name: string): string {
  const text = name.replace(/[-_]+/g, ' ').trim();
  return text === '' ? name : text[0]!.toUpperCase() + text.slice(1);
}

/** A template of a JSON message. The empty one that clears a topic has no JSON: it renders to nothing and is passed over. */
function fromJson(expression: string): string {
  return `{{ (${expression}) if value else '' }}`;
}

/** A list of words in a template. */
function list(items: readonly string[]): string {
  return `[${items.map((item) => `'${item}'`).join(', ')}]`;
}
