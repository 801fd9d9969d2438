/** What the page makes of the kernel's messages, without a page. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Model } from '../lib/model.js';

const session = changes => ({
  type: 'session',
  session: 'amber-fox',
  unit: 'scenes/layer4/31',
  phase: 'waiting',
  words: '',
  active: true,
  magic_cell_id: 'magic',
  agent: 'offline',
  world: '',
  policy: 'ask',
  auto_left: 0,
  steps: [],
  hypotheses: [],
  budget: '',
  ...changes
});

const proposal = changes => ({
  type: 'proposal',
  owner: 'page-1',
  session: 'amber-fox',
  step: 1,
  revision: 1,
  epoch: 'e1',
  kind: 'experiment',
  cell_id: 'cell-1',
  after_cell_id: 'magic',
  source: 'print(1)',
  metadata: { session: 'amber-fox', step: 1 },
  agent: 'offline',
  why: 'looks',
  hypotheses: [],
  predictions: [],
  flags: [],
  estimate: '',
  run: false,
  ...changes
});

const step = changes => ({
  type: 'step',
  session: 'amber-fox',
  step: 1,
  revision: 1,
  cell_id: 'cell-1',
  state: 'done',
  words: '2 s',
  ...changes
});

const told = (...messages) => {
  const model = new Model();
  messages.forEach(message => model.apply(message));
  return model;
};

const card = (model, number = 1) => model.card({ session: 'amber-fox', step: number });

test('a proposal can be decided until something became of it', () => {
  const model = told(session(), proposal());
  assert.equal(card(model).offer.cell_id, 'cell-1');
  assert.equal(model.waiting.step, 1);
  model.apply(step());
  assert.equal(card(model).offer, null);
  assert.equal(card(model).state, 'done');
  assert.equal(model.waiting, null);
});

test('a proposal of a paused session cannot be decided', () => {
  const model = told(session({ phase: 'paused' }), proposal());
  assert.equal(card(model).offer, null);
  assert.equal(card(model).paused, true);
});

test('what is said of an older revision changes nothing', () => {
  const model = told(proposal({ revision: 2 }), step({ revision: 1, state: 'rejected' }));
  assert.equal(card(model).state, 'waiting');
});

test('a cell that the kernel does not know has the state it was saved with, and no offer', () => {
  const saved = told().card({ session: 'amber-fox', step: 3, state: 'waiting', agent: 'offline' });
  assert.deepEqual([saved.state, saved.offer, saved.cell], ['waiting', null, null]);
});

test('a cell that is no step has no card', () => {
  assert.equal(told().card({ session: 'amber-fox' }), null);
});

test('everything that is told at once replaces what was known, and names the owner', () => {
  const model = told(proposal(), session());
  const everything = {
    type: 'state',
    epoch: 'e2',
    version: '0.1.0',
    owner: 'page-2',
    sessions: [session({ session: 'blue-owl' })],
    proposals: [proposal({ session: 'blue-owl', owner: 'page-1' })],
    steps: []
  };
  model.apply(everything);
  assert.equal(model.owner, 'page-2');
  assert.deepEqual([...model.sessions.keys()], ['blue-owl']);
  assert.equal(card(model).offer, null);
});

test('only the last step says that the agent is thinking', () => {
  const line = number => ({ step: number, cell_id: `c${number}`, state: 'done', why: '', by: '' });
  const model = told(session({ phase: 'thinking', steps: [line(1), line(2)] }));
  assert.deepEqual([card(model, 1).thinking, card(model, 2).thinking], [false, true]);
});

test('what the agent was writing is gone once it has proposed', () => {
  const model = told({ type: 'stream', session: 'amber-fox', text: 'images = ' });
  assert.equal(model.streams.get('amber-fox'), 'images = ');
  model.apply(proposal());
  assert.equal(model.streams.has('amber-fox'), false);
});

test('a proposal that runs by itself does not wait', () => {
  assert.equal(card(told(proposal({ run: true }))).state, 'approved');
});

test('the active session is the one that goes on', () => {
  const model = told(session({ active: false }), session({ session: 'blue-owl' }));
  assert.equal(model.active.session, 'blue-owl');
});
