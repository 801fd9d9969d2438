/** What one can do to a session, wherever it is shown. */

import * as React from 'react';

import type { Desk } from './desk.js';
import { goesOn } from './model.js';
import type { Request, SessionState } from './wire.js';

/** How many steps one press lets run by themselves. */
const FEW = 3;

/** Said to the agent, which reads English whatever language the page is in. */
const CONCLUDE = 'Conclude now, with what has been measured.';

/** Buttons to go on, to pause and to stop, a box to speak, and why something was refused. */
export function Controls(props: { session: SessionState; desk: Desk }): React.ReactElement | null {
  const { session, desk } = props;
  const { trans } = desk;
  const name = session.session;
  const [refused, setRefused] = React.useState('');
  const ask = (message: Request, cell?: string): void =>
    void desk.request(message, cell).then(setRefused);
  if (!goesOn(session)) {
    return null;
  }
  const open = desk.model.waiting;
  const paused = session.phase === 'paused';
  const waiting = !paused && open?.session === name ? open.cell_id : undefined;
  const scored = session.phase === 'scored' ? session.steps[session.steps.length - 1] : undefined;
  return (
    <>
      <Refusal words={refused} />
      <div className="maia-Actions">
        {waiting && (
          <>
            <button
              className="maia-Button maia-mod-primary"
              title={trans.__('Run the cell as it stands, with your changes if there are any')}
              onClick={() => {
                desk.show();
                void desk.approve(waiting).then(setRefused);
              }}
            >
              {trans.__('Approve & run')}
            </button>
            <button
              className="maia-Button"
              title={trans.__('To edit it, to reject it with a reason, or just to read it')}
              onClick={() => desk.show()}
            >
              {trans.__('Go to the proposal')}
            </button>
          </>
        )}
        {scored && (
          <button
            className="maia-Button maia-mod-primary"
            title={trans.__('Let the description stand')}
            onClick={() => ask({ type: 'accept', session: name, step: scored.step }, scored.cell_id)}
          >
            {trans.__('Accept')}
          </button>
        )}
        {paused ? (
          <button
            className="maia-Button maia-mod-primary"
            onClick={() => ask({ type: 'resume', session: name })}
          >
            {trans.__('Resume')}
          </button>
        ) : (
          <>
            {!scored && (
              <>
                <button
                  className="maia-Button"
                  title={trans.__('The next experiments run without asking, here in the notebook')}
                  onClick={() =>
                    ask({ type: 'auto', session: name, n: session.auto_left > 0 ? 0 : FEW })
                  }
                >
                  {session.auto_left > 0
                    ? trans.__('Ask me again')
                    : trans.__('Run %1 without asking', FEW)}
                </button>
                <button
                  className="maia-Button"
                  onClick={() => ask({ type: 'note', session: name, text: CONCLUDE })}
                >
                  {trans.__('Conclude now')}
                </button>
              </>
            )}
            <button
              className="maia-Button"
              onClick={() => ask({ type: 'pause', session: name })}
            >
              {trans.__('Pause')}
            </button>
          </>
        )}
        <button
          className="maia-Button"
          onClick={() =>
            // Of what is paused nothing runs: another session's cell is not to be interrupted.
            paused ? ask({ type: 'stop', session: name }) : void desk.stop().then(setRefused)
          }
        >
          {trans.__('Stop')}
        </button>
        <select
          className="maia-Select"
          aria-label={trans.__('Who decides')}
          title={trans.__('Plain experiments only measure, draw and edit images')}
          value={session.policy}
          onChange={event =>
            ask({
              type: 'policy',
              session: name,
              policy: event.currentTarget.value as SessionState['policy']
            })
          }
        >
          <option value="ask">{trans.__('ask: I approve each step')}</option>
          <option value="safe">{trans.__('safe: plain experiments run')}</option>
          <option value="auto">{trans.__('auto: everything runs')}</option>
        </select>
        <Say
          label={trans.__('Say something to the agent')}
          send={text => desk.request({ type: 'note', session: name, text }).then(setRefused)}
        />
      </div>
    </>
  );
}

/** A line to type in; what was sent is gone from it. */
export function Say(props: {
  label: string;
  send: (text: string) => Promise<unknown>;
}): React.ReactElement {
  return (
    <input
      className="maia-Input"
      type="text"
      placeholder={props.label}
      aria-label={props.label}
      onKeyDown={event => {
        const input = event.currentTarget;
        const text = input.value.trim();
        if (event.key === 'Enter' && !event.nativeEvent.isComposing && text) {
          input.value = '';
          void props.send(text);
        }
      }}
    />
  );
}

/** Why something was refused; nothing if it was not. */
export function Refusal(props: { words: string }): React.ReactElement | null {
  return props.words ? (
    <p className="maia-Refused" role="alert">
      {props.words}
    </p>
  ) : null;
}
