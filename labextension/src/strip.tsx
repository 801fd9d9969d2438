/** The strip below the magic that began a session: where it stands, and a word to the agent. */

import type { Cell } from '@jupyterlab/cells';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { metadataOf } from './cells.js';
import { Controls } from './controls.js';
import type { Desk } from './desk.js';
import { Thinking } from './footer.js';
import { maiaIcon } from './icons.js';
import type { SessionState } from './wire.js';
import { phaseWords, policyWords } from './words.js';

export class Strip extends ReactWidget {
  constructor(
    private readonly cell: Cell,
    private readonly desk: Desk
  ) {
    super();
    this.addClass('maia-Strip');
    this.node.setAttribute('role', 'group');
    desk.changed.connect(this.refresh, this);
    this.refresh();
  }

  protected override render(): React.ReactElement | null {
    const { desk, session } = this;
    return (
      session && (
        <>
          <SessionHead session={session} desk={desk} />
          {session.phase === 'thinking' && session.steps.length === 0 && (
            <Thinking text={desk.model.streams.get(session.session) ?? ''} trans={desk.trans} />
          )}
          <Controls session={session} desk={desk} />
        </>
      )
    );
  }

  private get session(): SessionState | null {
    const metadata = metadataOf(this.cell.model);
    const session = metadata && this.desk.model.sessions.get(metadata.session);
    return session?.magic_cell_id === this.cell.model.id ? session : null;
  }

  private refresh(): void {
    if (this.cell.isDisposed) {
      return;
    }
    const { session } = this;
    this.setHidden(session === null);
    if (session) {
      this.node.dataset.maiaSession = session.session;
      this.node.dataset.maiaPhase = session.phase;
      this.node.setAttribute('aria-label', this.desk.trans.__('Session %1', session.session));
    }
    this.update();
  }
}

/** A session in a line: name, phase, unit, agent, budget, and who decides. */
export function SessionHead(props: { session: SessionState; desk: Desk }): React.ReactElement {
  const { session, desk } = props;
  const { trans } = desk;
  const facts = [session.unit, session.agent, session.budget, policyWords(session, trans)];
  return (
    <div className="maia-Head">
      <span className="maia-State" title={session.words}>
        <maiaIcon.react tag="span" className="maia-StateIcon" />
        {session.session}
      </span>
      <span className="maia-Chip">{phaseWords(session.phase, trans)}</span>
      {facts.filter(Boolean).map((fact, index) => (
        <span key={index} className="maia-Fact">
          {fact}
        </span>
      ))}
    </div>
  );
}
