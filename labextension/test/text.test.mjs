/** Hashes and differences of texts. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { diff, folded } from '../lib/diff.js';
import { sha256 } from '../lib/sha256.js';

test('the hash is the one that everybody computes, at every length', () => {
  const texts = ['é–🦊\n', ...Array.from({ length: 200 }, (_, n) => 'x'.repeat(n))];
  for (const text of texts) {
    assert.equal(sha256(text), createHash('sha256').update(text).digest('hex'));
  }
});

test('a difference keeps both texts whole and names every line that changed', () => {
  const before = 'a\nb\nc\nd';
  const after = 'a\nB\nc\nd\ne';
  const lines = diff(before, after);
  const without = kind => lines.filter(line => line.kind !== kind).map(line => line.text).join('\n');
  assert.equal(without('added'), before);
  assert.equal(without('removed'), after);
  assert.deepEqual(
    lines.filter(line => line.kind !== 'same').map(line => line.kind + line.text),
    ['removedb', 'addedB', 'addede']
  );
});

test('equal texts have no difference', () => {
  assert.ok(diff('a\nb', 'a\nb').every(line => line.kind === 'same'));
});

test('what did not change is folded away, but for its neighbours', () => {
  const before = Array.from({ length: 20 }, (_, n) => `line ${n}`);
  const after = before.map((line, n) => (n === 10 ? 'mine' : line));
  const lines = folded(diff(before.join('\n'), after.join('\n')));
  assert.deepEqual(
    lines.map(line => line.kind),
    ['gap', 'same', 'same', 'removed', 'added', 'same', 'same', 'gap']
  );
});

test('very long texts are compared in no time', () => {
  const long = Array.from({ length: 5000 }, (_, n) => `line ${n}`).join('\n');
  assert.equal(diff(long, `${long}\nmore`).length, 10001);
});
