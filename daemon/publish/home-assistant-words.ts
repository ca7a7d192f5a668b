// Home Assistant's words for entities, as far as we use them, and ours for what there is to show. Types only, but for the list
// of platforms. Main thread.

export const PLATFORMS = ['binary_sensor', 'button', 'event', 'image', 'number', 'sensor', 'switch'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface Availability {
  readonly topic: string;
  readonly value_template: string;
}

/** One entity, with Home Assistant's own names of its options. */
export interface Component {
  readonly platform: Platform;
  /** The name of the device comes before it in everything that Home Assistant shows. */
  readonly name: string;
  readonly state_topic?: string;
  readonly command_topic?: string;
  readonly image_topic?: string;
  readonly content_type?: string;
  readonly value_template?: string;
  readonly command_template?: string;
  readonly device_class?: string;
  readonly entity_category?: 'config' | 'diagnostic';
  readonly state_class?: 'measurement' | 'total_increasing';
  readonly unit_of_measurement?: string;
  readonly suggested_display_precision?: number;
  readonly expire_after?: number;
  readonly event_types?: readonly string[];
  readonly options?: readonly string[];
  readonly payload_press?: string;
  readonly payload_reset?: string;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly mode?: 'box' | 'slider';
  readonly qos?: 0 | 1;
  readonly availability?: readonly Availability[];
  readonly availability_mode?: 'all';
}

/** A label that is counted somewhere; without a zone in the whole picture. */
export interface Place {
  readonly camera: string;
  readonly zone?: string;
  readonly label: string;
}

/** What there is to show. */
export interface Household {
  /** First level of the topics below `vedette/`. */
  readonly device: string;
  /** Of the daemon. */
  readonly version: string;
  readonly cameras: readonly string[];
  /** In any order. */
  readonly places: readonly Place[];
  /** Pictures are published. */
  readonly pictures: boolean;
  /** Seconds between two messages of health. */
  readonly healthS: number;
  /** The board has a thermometer. */
  readonly thermometer: boolean;
}

/** A component with its id, which is unique in the household and lasts as long as the names it is made of. */
export interface NamedComponent {
  readonly id: string;
  readonly component: Component;
  /** What is left out first where a message would be too large: the greatest. */
  readonly rank: number;
}
