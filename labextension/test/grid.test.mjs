/** What the page makes of a grid's data, without a page. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isSortable, led, ordered, range, readGrid, readPicture, scale } from '../lib/grid.js';

const tile = changes => ({ image: 'UklGRg==', width: 128, height: 96, ...changes });
const grid = (tiles, changes) =>
  readGrid({ alt: 'images', columns: 5, rows: false, tiles, ...changes });
const valued = (...values) =>
  grid(values.map(value => tile({ value, label: value === null ? 'nan' : value.toFixed(1) })));

test('a grid is read with its bars as shares of the largest activation', () => {
  const read = valued(2, 1, -1, null);
  assert.deepEqual(read.tiles.map(item => item.share), [1, 0.5, 0, null]);
  assert.equal(read.tiles[0].image, 'data:image/webp;base64,UklGRg==');
  assert.deepEqual(range(read), ['2.0', '-1.0']);
});

test('without a positive activation there is no bar', () => {
  assert.deepEqual(valued(-1, -2).tiles.map(item => item.share), [null, null]);
});

test('sorting puts the strongest first, equals as they came, and those without a value last', () => {
  const read = valued(1, null, 3, 1, null);
  assert.deepEqual(ordered(read, true), [2, 0, 3, 1, 4]);
  assert.deepEqual(ordered(read, false), [0, 1, 2, 3, 4]);
  assert.equal(isSortable(read), true);
  assert.equal(isSortable(valued(3, 2, 2, null)), false);
});

test('keys lead to neighbours and never out of the grid', () => {
  const from = (key, at) => led(key, at, 15, 5);
  assert.deepEqual(
    ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'].map(key => from(key, 7)),
    [6, 8, 2, 12, 0, 14]
  );
  assert.deepEqual([from('ArrowLeft', 0), from('ArrowUp', 3), from('ArrowDown', 12)], [0, 3, 12]);
  assert.equal(from('x', 7), null);
  assert.equal(from('constructor', 7), null);
});

test('a few large images are shown larger, small ones as they are', () => {
  assert.equal(scale(grid([tile({ width: 512 })])), 2.5);
  assert.equal(scale(grid([tile(), tile()])), 1);
  assert.equal(scale(grid(Array(15).fill(tile({ width: 224 })))), 1);
});

test('data that cannot be a grid is none', () => {
  const wrong = [
    null,
    'grid',
    [],
    { tiles: {} },
    { tiles: [null] },
    { tiles: [tile({ image: 'x" onerror="alert(1)' })] },
    { tiles: [tile({ image: 'javascript:alert(1)' })] },
    { tiles: [tile({ image: 7 })] },
    { tiles: [tile({ width: '100%' })] },
    { tiles: [tile({ width: -1 })] },
    { tiles: [tile({ height: 1e9 })] },
    { tiles: Array(401).fill(tile()) }
  ];
  assert.deepEqual(wrong.map(readGrid), wrong.map(() => null));
});

test('what is odd within a grid is left out', () => {
  const read = grid(
    [tile({ value: 'NaN', label: 7, caption: 'x'.repeat(5000), shade: 'url(http://elsewhere)' })],
    { columns: 'calc(1)', rows: 'yes', alt: {} }
  );
  const [only] = read.tiles;
  assert.deepEqual([only.value, only.label, only.caption.length, only.shade], [null, '', 1000, null]);
  assert.deepEqual([read.columns, read.rows, read.alt], [5, false, '']);
});

test('an output without usable data still has its picture', () => {
  assert.equal(readPicture({ 'image/jpeg': '/9j/\n4A==\n' }), 'data:image/jpeg;base64,/9j/4A==');
  assert.equal(readPicture({ 'image/png': '"><script>', 'text/plain': 'words' }), null);
});
