// docs/asyncapi.yaml, the contract for machines: sound in itself, and the same as docs/mqtt.md says to people.
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import {
  asyncApiDocument,
  documentedChannels,
  type Json,
  parametersOf,
  referred,
} from '../support/asyncapi.ts';
import { read } from './source-tree.ts';

const DOCUMENT = asyncApiDocument() as Readonly<Record<string, Readonly<Record<string, Json>>>>;
const CHANNELS = documentedChannels();

function referencesIn(node: Json): string[] {
  if (node === null || typeof node !== 'object') return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === '$ref' ? [value as string] : referencesIn(value),
  );
}

test('the document is AsyncAPI 3.0 by the schema of its makers', () => {
  const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json') as object;
  const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
  const validate = ajv.compile(schema);
  validate(DOCUMENT);
  expect(validate.errors ?? []).toEqual([]);
});

test('every part of the document is referred to, and every reference leads somewhere', () => {
  const references = referencesIn(DOCUMENT);
  for (const reference of references) referred(DOCUMENT, reference);
  const components = Object.entries(DOCUMENT['components']!).flatMap(([kind, parts]) =>
    Object.keys(parts as object).map((name) => `#/components/${kind}/${name}`),
  );
  expect(components.filter((component) => !references.includes(component))).toEqual([]);
});

test('every channel has one operation and exactly the parameters of its address', () => {
  const names = Object.keys(DOCUMENT['channels']!);
  expect(CHANNELS.map(({ name }) => name).sort()).toEqual([...names].sort());
  for (const [name, channel] of Object.entries(DOCUMENT['channels']!)) {
    const { address, parameters } = channel as { address: string; parameters?: object };
    expect(Object.keys(parameters ?? {}), name).toEqual(parametersOf(address));
  }
});

test('the messages of one channel are of one content type', () => {
  const mixed = CHANNELS.filter(({ messages }) => new Set(messages.map((one) => one.contentType)).size !== 1);
  expect(mixed.map(({ name }) => name)).toEqual([]);
});

test('no topic belongs to two channels that have as many parameters', () => {
  for (const { name, address, exampleTopic } of CHANNELS) {
    const count = parametersOf(address).length;
    const alike = CHANNELS.filter((other) => parametersOf(other.address).length <= count);
    expect(alike.filter(({ pattern }) => pattern.test(exampleTopic)).map((channel) => channel.name)).toEqual([
      name,
    ]);
  }
});

test('every schema of an object allows nothing that it does not name', () => {
  const open: string[] = [];
  const look = (node: Json, at: string): void => {
    if (node === null || typeof node !== 'object') return;
    const { type, additionalProperties } = node as Readonly<Record<string, Json>>;
    if (type === 'object' && (additionalProperties === undefined || additionalProperties === true))
      open.push(at);
    for (const [key, value] of Object.entries(node)) if (key !== 'examples') look(value, `${at}/${key}`);
  };
  look(DOCUMENT['components']!['schemas']!, 'schemas');
  look(DOCUMENT['components']!['messages']!, 'messages');
  expect(open).toEqual([]);
});

test('every example is valid', () => {
  const examples = CHANNELS.flatMap(({ name, messages }) =>
    messages.flatMap((message) => message.examples.map((example) => ({ name, message, example }))),
  );
  expect(examples.length).toBeGreaterThan(10);
  const wrong = examples.map(({ name, message, example }) => [name, message.problemOf(example)]);
  expect(wrong.filter(([, problem]) => problem !== undefined)).toEqual([]);
});

/** Rows of the table at the top of docs/mqtt.md, with the parameters as the document spells them. */
function tableRows(): { address: string; retain: boolean; qos: number }[] {
  const table = /\n\| topic \|[^\n]*\n[^\n]*\n((?:\|[^\n]*\n)+)/.exec(read('docs/mqtt.md'))![1]!;
  const parameters: Readonly<Record<string, string>> = { c: 'camera', l: 'label', z: 'zone' };
  return table
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, topic, retained, qos] = line.split('|').map((cell) => cell.trim());
      const path = topic!
        .replaceAll('`', '')
        .replaceAll(/<(\w+)>/g, (_, name: string) => `{${parameters[name] ?? name}}`);
      const ours = !path.startsWith('homeassistant/');
      return {
        address: ours ? `vedette/{device}/${path}` : path,
        retain: retained === 'yes',
        qos: Number(qos!.split(',')[0]),
      };
    });
}

test('the table of topics in docs/mqtt.md is that of the document', () => {
  const documented = CHANNELS.filter(({ address }) => !address.startsWith('frigate/')).map(
    ({ address, retain, qos }) => ({ address, retain, qos }),
  );
  const byAddress = (a: { address: string }, b: { address: string }): number =>
    a.address < b.address ? -1 : 1;
  expect(tableRows().sort(byAddress)).toEqual(documented.sort(byAddress));
});

test('the topics in docs/frigate.md are those of the document', () => {
  const shapeOf = (topic: string): string => topic.replaceAll(/\{\w+\}|<\w+>|\ball\b/g, '*');
  const table = [...read('docs/frigate.md').matchAll(/`<prefix>(\/[^`]+)`/g)].map(
    ([, path]) => `frigate${path}`,
  );
  const documented = CHANNELS.map(({ address }) => address).filter((address) => /^frigate\//.test(address));
  const shapes = (topics: readonly string[]): string[] => [...new Set(topics.map(shapeOf))].sort();
  expect(shapes(table)).toEqual(shapes(documented));
});
