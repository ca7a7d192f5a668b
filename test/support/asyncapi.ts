// docs/asyncapi.yaml as the tests use it: its channels with a pattern for the topic, a validator for the payload, and how
// they are sent. Knows no broker; contract.ts holds messages against it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { parse } from 'yaml';
import { ROOT } from './needs.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A channel as seen from the daemon. */
export interface DocumentedChannel {
  readonly name: string;
  /** With `{parameters}`. */
  readonly address: string;
  /** Of the whole topic. */
  readonly pattern: RegExp;
  /** One of its topics. */
  readonly exampleTopic: string;
  readonly action: 'send' | 'receive';
  readonly qos: number;
  readonly retain: boolean;
  readonly messages: readonly DocumentedMessage[];
}

export interface DocumentedMessage {
  readonly name: string;
  readonly contentType: string;
  readonly examples: readonly Json[];
  /** What is wrong with a decoded payload; undefined when nothing is. */
  problemOf(payload: unknown): string | undefined;
}

interface Document {
  readonly channels: Readonly<Record<string, ChannelObject>>;
  readonly operations: Readonly<Record<string, OperationObject>>;
  readonly defaultContentType: string;
}

interface ChannelObject {
  readonly address: string;
  readonly parameters?: Readonly<Record<string, ParameterObject>>;
  readonly messages: Readonly<Record<string, MessageObject>>;
}

interface ParameterObject {
  readonly enum?: readonly string[];
  readonly examples?: readonly string[];
  readonly 'x-pattern'?: string;
}

interface MessageObject {
  readonly contentType?: string;
  readonly payload: object;
  readonly examples?: readonly { readonly payload: Json }[];
}

interface OperationObject {
  readonly action: 'send' | 'receive';
  readonly channel: ChannelObject;
  readonly bindings: { readonly mqtt: { readonly qos: number; readonly retain?: boolean } };
}

/** The document as written. */
export function asyncApiDocument(): Json {
  return parse(readFileSync(join(ROOT, 'docs/asyncapi.yaml'), 'utf8')) as Json;
}

/** The document with schemas that take any text as the id of an event or alert. */
export function withAnyId(document: Json): Json {
  const copy = structuredClone(document) as { components: { schemas: Record<string, Json> } };
  copy.components.schemas['Id'] = { type: 'string', minLength: 1 };
  return copy;
}

/** What a reference `#/a/b` leads to. Throws when it leads nowhere. */
export function referred(document: Json, reference: string): Json {
  let node: Json | undefined = document;
  for (const part of reference.replace(/^#\//, '').split('/')) {
    node = (node as Readonly<Record<string, Json>> | undefined)?.[part];
  }
  if (node === undefined) throw new Error(`docs/asyncapi.yaml: ${reference} leads nowhere`);
  return node;
}

/** The document with every reference replaced by what it leads to, one object for each. */
function resolveAll(document: Json): Json {
  const done = new Map<string, Json>();
  const resolve = (node: Json): Json => {
    if (node === null || typeof node !== 'object') return node;
    if (Array.isArray(node)) return node.map(resolve);
    const { $ref: reference, ...others } = node as Readonly<Record<string, Json>>;
    if (typeof reference === 'string') {
      if (Object.keys(others).length > 0) throw new Error(`docs/asyncapi.yaml: ${reference} has siblings`);
      if (!done.has(reference)) done.set(reference, resolve(referred(document, reference)));
      return done.get(reference)!;
    }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value)]));
  };
  return resolve(document);
}

/** Every channel; the first whose pattern fits a topic is the one it belongs to. */
export function documentedChannels(document = asyncApiDocument()): DocumentedChannel[] {
  const { channels, operations, defaultContentType } = resolveAll(document) as unknown as Document;
  const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, formats: { binary: true } });
  const nameOf = new Map(Object.entries(channels).map(([name, channel]) => [channel, name]));
  const documented: DocumentedChannel[] = [];
  for (const { action, channel, bindings } of Object.values(operations)) {
    const name = nameOf.get(channel) ?? [...nameOf].find(([{ address }]) => address === channel.address)?.[1];
    if (name === undefined) throw new Error('docs/asyncapi.yaml: an operation without a channel');
    const messages = Object.entries(channel.messages).map(([messageName, message]) => {
      const validate = ajv.compile(message.payload);
      return {
        name: messageName,
        contentType: message.contentType ?? defaultContentType,
        examples: (message.examples ?? []).map(({ payload }) => payload),
        problemOf: (payload: unknown) =>
          validate(payload) ? undefined : firstError(validate.errors as readonly ErrorObject[]),
      };
    });
    const { qos, retain = false } = bindings.mqtt;
    const { address } = channel;
    const pattern = new RegExp(`^${withParameters(channel, patternOf)}$`);
    const exampleTopic = withParameters(channel, exampleOf);
    documented.push({ name, address, pattern, exampleTopic, action, qos, retain, messages });
  }
  // `a/{b}/motion` before `a/{b}/{c}`: a level that is spelled out counts more than one that is not.
  return documented.toSorted((a, b) => parametersOf(a.address).length - parametersOf(b.address).length);
}

/** Names of the parameters of an address. */
export function parametersOf(address: string): string[] {
  return [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
}

function withParameters(
  { address, parameters = {} }: ChannelObject,
  textOf: (parameter: ParameterObject) => string | undefined,
): string {
  return address.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const text = textOf(parameters[name] ?? {});
    if (text === undefined) throw new Error(`docs/asyncapi.yaml: ${address}: what is ${name}?`);
    return text;
  });
}

function patternOf(parameter: ParameterObject): string | undefined {
  const pattern = parameter.enum?.join('|') ?? parameter['x-pattern'];
  return pattern && `(?:${pattern})`;
}

function exampleOf(parameter: ParameterObject): string | undefined {
  return parameter.enum?.[0] ?? parameter.examples?.[0];
}

function firstError(errors: readonly ErrorObject[]): string {
  const { instancePath, message, params } = errors[0]!;
  return `${instancePath === '' ? 'the payload' : instancePath} ${message} ${JSON.stringify(params)}`;
}
