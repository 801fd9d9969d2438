/** The words for what a step and a session are at. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { Card } from './model.js';
import type { Hypothesis, SessionPhase, SessionState } from './wire.js';

/** A step's state, as its footer says it. */
export function stateWords(card: Card, trans: TranslationBundle): string {
  switch (card.state) {
    case 'waiting':
      return card.paused ? trans.__('Paused') : trans.__('Waiting for you');
    case 'approved':
      return trans.__('Approved');
    case 'running':
      return trans.__('Running');
    case 'done':
      return trans.__('Done');
    case 'error':
      return trans.__('Failed');
    case 'rejected':
      return trans.__('Rejected');
    case 'interrupted':
      return trans.__('Interrupted');
    case 'scored':
      return trans.__('Scored: accept it?');
    case 'accepted':
      return trans.__('Accepted');
    case 'edited-after':
      return trans.__('Edited after it ran');
  }
}

/** A session's phase in a word or two. */
export function phaseWords(phase: SessionPhase, trans: TranslationBundle): string {
  switch (phase) {
    case 'thinking':
      return trans.__('the agent is thinking');
    case 'waiting':
      return trans.__('waiting for you');
    case 'running':
      return trans.__('running');
    case 'scored':
      return trans.__('concluded: accept it?');
    case 'paused':
      return trans.__('paused');
    case 'concluded':
      return trans.__('concluded');
    case 'stopped':
      return trans.__('stopped');
  }
}

/** How a hypothesis stands. */
export function statusWords(status: Hypothesis['status'], trans: TranslationBundle): string {
  switch (status) {
    case 'supported':
      return trans.__('supported');
    case 'indicated':
      return trans.__('indicated, not yet confirmed on fresh images');
    case 'contradicted':
      return trans.__('contradicted');
    case 'unclear':
      return trans.__('tested, and nothing came out clearly');
    case 'untested':
      return trans.__('untested');
    case 'struck':
      return trans.__('struck out');
  }
}

/** Who decides, in a few words. */
export function policyWords(session: SessionState, trans: TranslationBundle): string {
  if (session.auto_left > 0) {
    return trans._n('%1 more step runs by itself', '%1 more steps run by themselves', session.auto_left);
  }
  switch (session.policy) {
    case 'ask':
      return trans.__('you approve each step');
    case 'safe':
      return trans.__('plain experiments run by themselves');
    case 'auto':
      return trans.__('everything runs by itself');
  }
}
