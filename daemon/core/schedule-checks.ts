// What is wrong with schedules and with the place they are for, beyond the schema. Pure; knows only the shape it needs, not the
// configuration room.
import type { ConfigFault } from './config-fault.ts';
import { isTimeZone } from './local-time.ts';
import type { ConfiguredLocation, ScheduleWindow } from './rule-types.ts';
import { scheduleFault } from './schedule-window.ts';

export interface CheckedSchedules {
  readonly location?: ConfiguredLocation | undefined;
  readonly rules: Readonly<Record<string, { readonly schedule?: readonly ScheduleWindow[] | undefined }>>;
}

/** Everything about schedules and their place that the schema cannot say. */
export function scheduleFaults({ location = {}, rules }: CheckedSchedules): ConfigFault[] {
  const { timeZone = 'UTC', latitude, longitude } = location;
  const windows = Object.entries(rules).flatMap(([rule, { schedule = [] }]) =>
    schedule.flatMap((window, index): ConfigFault[] => {
      const fault = scheduleFault(window, { timeZone, latitude, longitude });
      return fault === undefined
        ? []
        : [{ path: ['rules', rule, 'schedule', index, fault.key], message: fault.message }];
    }),
  );
  return [...locationFaults(location), ...windows];
}

function locationFaults({ timeZone, latitude, longitude }: ConfiguredLocation): ConfigFault[] {
  const faults: ConfigFault[] = [];
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    const message = `there is no time zone '${timeZone}': write its IANA name, e.g. Europe/Berlin`;
    faults.push({ path: ['location', 'timeZone'], message });
  }
  if ((latitude === undefined) !== (longitude === undefined)) {
    const [given, missing] = latitude === undefined ? ['longitude', 'latitude'] : ['latitude', 'longitude'];
    faults.push({ path: ['location', given], message: `needs ${missing} beside it` });
  }
  return faults;
}
