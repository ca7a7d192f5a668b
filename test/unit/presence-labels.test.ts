// Labels of counts: which are told from the start, their names for topics in any script, and how they are read.
import { describe, expect, test } from 'vitest';
import { sanitise } from '../../daemon/core/names.ts';
import {
  type Count,
  Presence,
  type PresenceChange,
  PUBLISHED_LABELS_MAX,
  publishedLabels,
} from '../../daemon/core/presence.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { observation, placesOf, stampOf, standing, trackView } from '../support/tracks.ts';

/** A camera without zones, with what has been told of a label: by its name for topics, in order. */
function porch(labels: readonly string[]) {
  const presence = new Presence();
  const scene = { cameras: ['porch'], places: placesOf([]), labels };
  const changes = [
    ...presence.rearrange(scene, stampOf(0)),
    ...presence.cameraStatus('porch', 'online', stampOf(0)),
  ];
  const toldOf = (name: string): PresenceChange[] =>
    changes.filter((change) => change.kind === 'count' && change.label === name);
  return { presence, scene, changes, toldOf };
}

test('labels in another script are not added up, and say how they are read', () => {
  const { presence, scene, changes, toldOf } = porch(['行人', 'person']);
  const seen = observation(1, [
    trackView({ id: 1, label: '行人', box: standing(0.2, 0.8) }),
    trackView({ id: 2, label: '汽车', box: standing(0.7, 0.8) }),
  ]);
  changes.push(...presence.observe(seen, new Whereabouts(scene.places).observe(seen)));
  for (const label of ['行人', '汽车']) {
    const last = toldOf(sanitise(label)).at(-1);
    expect(last).toMatchObject({ title: label, state: { count: 1 } satisfies Partial<Count> });
  }
  expect(toldOf('person')).toHaveLength(1);
  expect(toldOf('person')[0]).not.toHaveProperty('title');
});

test('how a label of an earlier life is read is told as soon as the model is known, once', () => {
  const name = sanitise('汽车');
  const { presence, scene, changes, toldOf } = porch([name]);
  expect(toldOf(name)).toHaveLength(1);
  expect(toldOf(name)[0]).not.toHaveProperty('title');
  for (const labels of [['汽车'], [name], ['汽车']]) {
    changes.push(...presence.rearrange({ ...scene, labels }, stampOf(2)));
  }
  expect(toldOf(name)).toMatchObject([{ state: { count: 0 } }, { title: '汽车', state: { count: 0 } }]);
});

describe('labels that are published from the start', () => {
  const model = Array.from({ length: 80 }, (_, index) => `label ${index}`);

  test('are those that rules name', () => {
    expect(publishedLabels([{ labels: ['person', 'Stop Sign'] }, { labels: ['cat'] }], model)).toEqual([
      'Stop Sign',
      'cat',
      'person',
    ]);
    expect(publishedLabels([{ labels: ['行人', '汽车'] }], model)).toEqual(['汽车', '行人'].sort());
  });

  test('are those of the model, up to a limit, when a rule takes any or there is none', () => {
    const labels = publishedLabels([{ labels: ['person'] }, {}], model);
    expect(labels).toHaveLength(PUBLISHED_LABELS_MAX);
    expect(labels).toContain('person');
    expect(labels).toContain('label 0');
    expect(publishedLabels([], ['cat', 'person'])).toEqual(['cat', 'person']);
  });
});
