// Makes a test fail when one of its MQTT clients receives what is not as docs/asyncapi.yaml says (message-check.ts judges).
import type { MqttClient } from 'mqtt';
import { expect, onTestFinished } from 'vitest';
import { checkMessage, type Reception } from './message-check.ts';

/** So many violations are shown: one mistake may be in every message. */
const SHOWN_MAX = 5;

/** From now on the test fails when this client receives what is not documented. */
export function holdToContract(client: MqttClient, reception: Reception): void {
  const violations: string[] = [];
  client.on('message', (topic, payload, { qos, retain }) => {
    const violation = checkMessage({ topic, payload, qos, retain }, reception);
    if (violation !== undefined && violations.length < SHOWN_MAX) violations.push(violation);
  });
  onTestFinished(() => expect(violations, 'messages that are not as docs/asyncapi.yaml says').toEqual([]));
}
