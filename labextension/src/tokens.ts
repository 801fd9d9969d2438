/** What the plugins of this extension offer each other. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { Desk } from './desk.js';

/** The desks of all open notebooks. */
export interface IDesks {
  /** The desk of the notebook used last; null: none is open. */
  readonly current: Desk | null;
  /** Another notebook is current, or something at the current desk has changed. */
  readonly changed: ISignal<IDesks, void>;
  /** The desk of a notebook. */
  of(panel: NotebookPanel): Desk | null;
}

export const IDesks = new Token<IDesks>(
  'maia-lab:IDesks',
  'The sessions of maia_lab in the open notebooks.'
);
