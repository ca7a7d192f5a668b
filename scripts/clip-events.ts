#!/usr/bin/env node
// How well the events of a model agree with a clip labelled by hand: node scripts/clip-events.ts <model> [labels.json…]. The model
// is a name or a folder; without labels, all of test/fixtures/clips. Needs the shared material ($VEDETTE_SHARED).
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { playClip, readClip, scoreClip } from '../test/support/clip-events.ts';
import { ROOT } from '../test/support/needs.ts';

const CLIPS = join(ROOT, 'test/fixtures/clips');

const [model = 'default', ...named] = process.argv.slice(2);
const files = named.length > 0 ? named : readdirSync(CLIPS).map((name) => join(CLIPS, name));
for (const file of files) {
  const labels = readClip(file);
  const { precision, recall, lines } = scoreClip(labels, await playClip(labels, model));
  const figures = `precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`;
  process.stdout.write(`${basename(labels.clip)}, ${model}: ${figures}\n`);
  process.stdout.write(lines.map((line) => `  ${line}\n`).join(''));
}
