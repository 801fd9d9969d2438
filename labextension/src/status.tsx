/** The status bar's line: the session of the current notebook and what it waits for. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { maiaIcon } from './icons.js';
import type { IDesks } from './tokens.js';
import { phaseWords } from './words.js';

export class StatusLine extends ReactWidget {
  constructor(
    private readonly desks: IDesks,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('maia-StatusLine');
    desks.changed.connect(() => this.update());
  }

  /** Whether there is anything to say. */
  get isActive(): boolean {
    return Boolean(this.desks.current?.model.active);
  }

  protected override render(): React.ReactElement | null {
    const desk = this.desks.current;
    const session = desk?.model.active;
    if (!desk || !session) {
      return null;
    }
    const words = `${session.session}: ${phaseWords(session.phase, this.trans)}`;
    return (
      <button
        className="maia-StatusButton"
        data-maia-phase={session.phase}
        title={[session.words, session.budget].filter(Boolean).join('\n')}
        onClick={() => desk.show()}
      >
        <maiaIcon.react tag="span" className="maia-StateIcon" />
        {words}
      </button>
    );
  }
}
