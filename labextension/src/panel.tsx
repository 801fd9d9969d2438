/** The side panel: the session of the current notebook, its hypotheses and its steps. */

import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Controls, Refusal, Say } from './controls.js';
import type { Desk } from './desk.js';
import { STATUS_MARKS, Thinking } from './footer.js';
import { maiaIcon, stateIcons } from './icons.js';
import { goesOn } from './model.js';
import { SessionHead } from './strip.js';
import type { IDesks } from './tokens.js';
import type { Hypothesis, SessionState } from './wire.js';
import { statusWords } from './words.js';

/** Lines of what the agent is writing that are shown at most. */
const WRITTEN = 8;

export class SidePanel extends ReactWidget {
  constructor(
    private readonly desks: IDesks,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.id = 'maia-lab-panel';
    this.addClass('maia-Panel');
    this.title.icon = maiaIcon;
    this.title.caption = trans.__('maia: hypotheses and steps');
    desks.changed.connect(() => this.update());
  }

  protected override render(): React.ReactElement {
    const desk = this.desks.current;
    const session = desk?.model.active;
    if (!desk || !session) {
      return (
        <div className="maia-Empty">
          <p>{this.trans.__('No session in this notebook yet. Run in a cell:')}</p>
          <pre>{'%load_ext maia_lab\n%maia describe scenes/layer4/12'}</pre>
        </div>
      );
    }
    return (
      <>
        <SessionHead session={session} desk={desk} />
        {session.world && <p className="maia-Fact">{session.world}</p>}
        <Controls key={`${session.session} controls`} session={session} desk={desk} />
        {session.phase === 'thinking' && (
          <Thinking
            text={desk.model.streams.get(session.session) ?? ''}
            lines={WRITTEN}
            trans={this.trans}
          />
        )}
        <Hypotheses key={session.session} session={session} desk={desk} />
        <Steps session={session} desk={desk} />
      </>
    );
  }
}

function Hypotheses(props: { session: SessionState; desk: Desk }) {
  const { session, desk } = props;
  const { trans } = desk;
  const [refused, setRefused] = React.useState('');
  const open = goesOn(session);
  const act = (action: 'add' | 'pin' | 'strike', text: string): Promise<void> =>
    desk
      .request({ type: 'hypothesis', session: session.session, action, text })
      .then(setRefused);
  return (
    <section aria-label={trans.__('Hypotheses')}>
      <h3 className="maia-Title">{trans.__('Hypotheses')}</h3>
      {session.hypotheses.length === 0 && (
        <p className="maia-Hint">{trans.__('None yet: first the agent looks.')}</p>
      )}
      <ul className="maia-List">
        {session.hypotheses.map(claim => (
          <li key={claim.id} className="maia-Hypothesis" data-maia-status={claim.status}>
            <Claim claim={claim} desk={desk} />
            {open && claim.status !== 'struck' && (
              <span className="maia-Small">
                {!claim.pinned && (
                  <button
                    className="maia-Link"
                    title={trans.__('Ask the agent to keep testing it')}
                    onClick={() => void act('pin', claim.id)}
                  >
                    {trans.__('Pin')}
                  </button>
                )}
                <button
                  className="maia-Link"
                  title={trans.__('Ask the agent to drop it')}
                  onClick={() => void act('strike', claim.id)}
                >
                  {trans.__('Strike')}
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
      <Refusal words={refused} />
      {open && (
        <div className="maia-Actions">
          <Say label={trans.__('Add a hypothesis')} send={text => act('add', text)} />
        </div>
      )}
    </section>
  );
}

function Claim(props: { claim: Hypothesis; desk: Desk }) {
  const { claim, desk } = props;
  const { trans } = desk;
  const measured = claim.speaks_for.length + claim.speaks_against.length;
  return (
    <div>
      <p>
        <span className="maia-ClaimId" data-maia-status={claim.status}>
          {claim.id} {STATUS_MARKS[claim.status]}
        </span>{' '}
        <span className="maia-ClaimText">{claim.text}</span>
      </p>
      <details className="maia-Small">
        <summary>
          {statusWords(claim.status, trans)}
          {claim.pinned && ` · ${trans.__('pinned')}`}
          {measured > 0 &&
            ` · ${trans.__('%1 for, %2 against', claim.speaks_for.length, claim.speaks_against.length)}`}
        </summary>
        <ul className="maia-Evidence">
          {claim.speaks_for.map((line, index) => (
            <li key={`for-${index}`}>✓ {line}</li>
          ))}
          {claim.speaks_against.map((line, index) => (
            <li key={`against-${index}`}>✗ {line}</li>
          ))}
          {measured === 0 && <li>{trans.__('Nothing was measured for or against it yet.')}</li>}
        </ul>
      </details>
    </div>
  );
}

function Steps(props: { session: SessionState; desk: Desk }) {
  const { session, desk } = props;
  const { trans } = desk;
  return (
    <section aria-label={trans.__('Steps')}>
      <h3 className="maia-Title">{trans.__('Steps')}</h3>
      <ol className="maia-List">
        {session.steps.map(step => {
          const Icon = stateIcons[step.state];
          return (
            <li key={step.step} data-maia-state={step.state}>
              <button className="maia-StepLine" onClick={() => desk.reveal(step.cell_id, true)}>
                <Icon.react tag="span" className="maia-StateIcon" />
                <span className="maia-StepNumber">{step.step}</span>
                <span>{step.why}</span>
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
